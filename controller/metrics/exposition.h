// SPDX-License-Identifier: Apache-2.0
// Prometheus' text format, version 0.0.4.
#ifndef RAMPART_CONTROLLER_METRICS_EXPOSITION_H_
#define RAMPART_CONTROLLER_METRICS_EXPOSITION_H_

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace rampart {

class Exposition {
 public:
  using Labels =
      std::initializer_list<std::pair<std::string_view, std::string_view>>;
  enum class Type { kCounter, kGauge };

  // What the samples that follow are. Counters end in _total; units are base
  // units.
  void Family(std::string_view name, Type type, std::string_view help);
  void Sample(Labels labels, uint64_t value);
  void Sample(Labels labels, int64_t value);
  void Sample(Labels labels, double value);

  std::string Take() { return std::move(text_); }

 private:
  void Begin(Labels labels);

  std::string text_;
  std::string name_;
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_METRICS_EXPOSITION_H_
