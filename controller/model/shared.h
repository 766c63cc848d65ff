// SPDX-License-Identifier: Apache-2.0
// A value that many hold and few change.
#ifndef RAMPART_CONTROLLER_MODEL_SHARED_H_
#define RAMPART_CONTROLLER_MODEL_SHARED_H_

#include <memory>
#include <utility>

namespace rampart {

// Reads like a T. A copy costs a pointer, and copies that nobody edited say so
// without being compared: of a thousand tenants, a change of one compiles,
// checks and stores one.
template <typename T>
class Shared {
 public:
  Shared() : value_(std::make_shared<T>()) {}
  // NOLINTNEXTLINE(google-explicit-constructor): it stands for its value.
  Shared(T value) : value_(std::make_shared<T>(std::move(value))) {}

  // NOLINTNEXTLINE(google-explicit-constructor)
  operator const T&() const { return *value_; }
  const T& operator*() const { return *value_; }
  const T* operator->() const { return value_.get(); }

  // Nobody else sees what is written there. Valid until this is copied.
  T& Edit() {
    if (value_.use_count() != 1) value_ = std::make_shared<T>(*value_);
    return *value_;
  }

  // Neither was edited since one became a copy of the other.
  bool SameAs(const Shared& other) const { return value_ == other.value_; }
  friend bool operator==(const Shared& a, const Shared& b) {
    return a.SameAs(b) || *a == *b;
  }

 private:
  std::shared_ptr<T> value_;
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_MODEL_SHARED_H_
