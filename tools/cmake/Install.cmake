# Where Debian looks for the parts: `DESTDIR=... cmake --install build`. With
# another prefix than /usr, zsh looks in site-functions.
include(GNUInstallDirs)

install(TARGETS rampartd RUNTIME DESTINATION ${CMAKE_INSTALL_SBINDIR})
install(TARGETS xdpctl RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY ${CMAKE_BINARY_DIR}/man/
        DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES packaging/grafana/rampart.json
        DESTINATION ${CMAKE_INSTALL_DATADIR}/rampart/grafana)
install(FILES README.md ARCHITECTURE.md CHANGELOG.md LICENSE
        DESTINATION ${CMAKE_INSTALL_DOCDIR})

if(CMAKE_INSTALL_PREFIX STREQUAL "/usr")
  set(zsh zsh/vendor-completions)
else()
  set(zsh zsh/site-functions)
endif()
install(FILES ${CMAKE_BINARY_DIR}/completions/bash RENAME xdpctl
        DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES ${CMAKE_BINARY_DIR}/completions/zsh RENAME _xdpctl
        DESTINATION ${CMAKE_INSTALL_DATADIR}/${zsh})
install(FILES ${CMAKE_BINARY_DIR}/completions/fish RENAME xdpctl.fish
        DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
