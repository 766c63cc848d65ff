// SPDX-License-Identifier: Apache-2.0
// Help as manual pages: man(7) macros.
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tools/xdpctl/help.h"

namespace rampart::xdpctl {
namespace {

// Text that roff takes for text: no escapes, no requests, and dashes that can
// be copied into a shell.
std::string Escape(const std::string& text) {
  const std::string safe =
      absl::StrReplaceAll(text, {{"\\", "\\e"}, {"-", "\\-"}});
  return safe.starts_with('.') || safe.starts_with('\'')
             ? absl::StrCat("\\&", safe)
             : safe;
}

void AppendEntries(std::string& out, const char* title,
                   const Entries& entries) {
  if (entries.empty()) return;
  absl::StrAppend(&out, ".SH ", title, "\n");
  for (const auto& [name, meaning] : entries)
    absl::StrAppend(&out, ".TP\n\\fB", Escape(name), "\\fR\n", Escape(meaning),
                    "\n");
}

void AppendRoot(std::string& out) {
  out +=
      ".SH ENVIRONMENT\n.TP\n\\fBRAMPART_SOCKET\\fR\nSocket of the API, if "
      "\\-\\-socket does not name it.\n.TP\n\\fBRAMPART_STATE\\fR\nState file, "
      "if \\-\\-state does not name it.\n.TP\n\\fBNO_COLOR\\fR\nIf it is set, "
      "there is no color.\n.SH FILES\n.TP\n\\fI/run/rampart/api.sock\\fR\n"
      "Socket of rampartd.\n.TP\n\\fI/var/lib/rampart/state.db\\fR\nResources, "
      "read when no controller runs.\n.TP\n\\fI/sys/fs/bpf/rampart\\fR\nPinned "
      "maps, "
      "read when no controller runs.\n";
}

}  // namespace

std::string ToRoff(const HelpPage& page) {
  const std::string file = absl::StrReplaceAll(page.name, {{" ", "-"}});
  std::string out =
      absl::StrCat(".\\\" Made by xdpctl from its own help.\n.TH ",
                   Escape(absl::AsciiStrToUpper(file)), " 1 \"\" \"Rampart ",
                   RAMPART_VERSION, "\" \"Rampart\"\n.SH NAME\n", Escape(file),
                   " \\- ", Escape(page.summary), "\n.SH SYNOPSIS\n\\fB",
                   Escape(page.name), "\\fR ", Escape(page.synopsis), "\n");
  const char* macro = ".SH DESCRIPTION\n";
  for (const std::string& paragraph : page.paragraphs) {
    absl::StrAppend(&out, macro, Escape(paragraph), "\n");
    macro = ".PP\n";
  }
  AppendEntries(out, "COMMANDS", page.commands);
  AppendEntries(out, "OPTIONS", page.arguments);
  if (!page.example.empty())
    absl::StrAppend(&out, ".SH EXAMPLE\n.EX\n", Escape(page.example),
                    "\n.EE\n");
  AppendEntries(out, "\"EXIT STATUS\"", page.exits);
  if (page.name == "xdpctl")
    AppendRoot(out);
  else
    out +=
        ".SH \"SEE ALSO\"\n\\fBxdpctl\\fR(1): the options that all commands "
        "have\n";
  return out;
}

}  // namespace rampart::xdpctl
