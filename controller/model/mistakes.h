// SPDX-License-Identifier: Apache-2.0
// The mistakes found in one file.
#ifndef RAMPART_CONTROLLER_MODEL_MISTAKES_H_
#define RAMPART_CONTROLLER_MODEL_MISTAKES_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace rampart {

// Collects mistakes, so that a file is corrected in one go. Beyond the first
// thousand they are only counted.
class Mistakes {
 public:
  // file: in front of each message; if it is empty, lines are not shown.
  explicit Mistakes(std::string_view file) : file_(file) {}

  // line: from 1; 0: none. what: "what is wrong; what would be right", one
  // line: pass what a user wrote through Quoted().
  void Add(int line, std::string_view what);

  size_t count() const { return count_; }

  // OK, or InvalidArgument: "file:line: what" for each, a line each, in the
  // order of the file.
  absl::Status ToStatus() const;

 private:
  struct Mistake {
    int line;
    std::string what;
  };

  std::string file_;
  std::vector<Mistake> mistakes_;
  size_t count_ = 0;
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_MODEL_MISTAKES_H_
