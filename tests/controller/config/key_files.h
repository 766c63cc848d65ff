// SPDX-License-Identifier: Apache-2.0
// A folder with key files, gone at the end of the test.
#ifndef RAMPART_TESTS_CONTROLLER_CONFIG_KEY_FILES_H_
#define RAMPART_TESTS_CONTROLLER_CONFIG_KEY_FILES_H_

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace rampart {

class KeyFiles {
 public:
  KeyFiles()
      : folder_(std::filesystem::temp_directory_path() /
                ("rampart-keys-" + std::to_string(getpid()))) {
    std::filesystem::create_directories(folder_);
    Write("mac.key", "000102030405060708090a0b0c0d0e0f\n");
    Write("mac2.key", "FFfe0102030405060708090a0b0c0d0e");
    Write("cookie.key", "  0123456789abcdef\n");
  }
  ~KeyFiles() { std::filesystem::remove_all(folder_); }

  void Write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name, std::ios::binary) << text;
  }
  // Of a file in the folder.
  std::string Path(const std::string& name) const { return folder_ / name; }

 private:
  const std::filesystem::path folder_;
};

}  // namespace rampart

#endif  // RAMPART_TESTS_CONTROLLER_CONFIG_KEY_FILES_H_
