// SPDX-License-Identifier: Apache-2.0
// rtnetlink messages and sockets. Its .cc is the only file that includes
// libmnl, whose attribute macros are not C++.
#ifndef RAMPART_CONTROLLER_NETLINK_MNL_H_
#define RAMPART_CONTROLLER_NETLINK_MNL_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "controller/base/ip.h"

struct mnl_socket;
struct nlmsghdr;

namespace rampart {

// Attributes of a message by type; a view of its bytes.
class NetlinkAttributes {
 public:
  explicit NetlinkAttributes(absl::Span<const uint8_t> bytes);

  // Empty if there is none of that type.
  absl::Span<const uint8_t> Bytes(uint16_t type) const;
  // Up to the first NUL.
  std::string Text(uint16_t type) const;
  // Nothing if it is absent or has another size.
  template <typename T>
  std::optional<T> Number(uint16_t type) const {
    const absl::Span<const uint8_t> bytes = Bytes(type);
    if (bytes.size() != sizeof(T)) return std::nullopt;
    T value;
    std::memcpy(&value, bytes.data(), sizeof(T));
    return value;
  }
  // 4 bytes or 16 bytes.
  std::optional<IpAddress> Address(uint16_t type) const;
  NetlinkAttributes Nested(uint16_t type) const {
    return NetlinkAttributes(Bytes(type));
  }

 private:
  std::map<uint16_t, absl::Span<const uint8_t>> bytes_;
};

// 4 bytes are IPv4, 16 are IPv6, anything else nothing.
std::optional<IpAddress> ToAddress(absl::Span<const uint8_t> bytes);

// A received message; valid during the call that it is passed to.
struct NetlinkMessage {
  uint16_t type = 0;                  // RTM_*
  absl::Span<const uint8_t> payload;  // family header, attributes

  // The family header; nothing if the message is too short for it.
  template <typename H>
  std::optional<H> Header() const {
    if (payload.size() < sizeof(H)) return std::nullopt;
    H header;
    std::memcpy(&header, payload.data(), sizeof(H));
    return header;
  }
  // What follows a family header of type H, which must be there.
  template <typename H>
  NetlinkAttributes Attributes() const {
    return NetlinkAttributes(payload.subspan((sizeof(H) + 3) & ~size_t{3}));
  }
};

using NetlinkHandler = absl::FunctionRef<void(const NetlinkMessage&)>;

class NetlinkRequest {
 public:
  // `flags`: NLM_F_* beside NLM_F_REQUEST.
  template <typename H>
  NetlinkRequest(uint16_t type, uint16_t flags, const H& header)
      : NetlinkRequest(type, flags, &header, sizeof(header)) {}

  void Put(uint16_t type, const void* data, size_t size);
  void PutAddress(uint16_t type, const IpAddress& address);

 private:
  friend class NetlinkSocket;
  static constexpr size_t kSize = 256;

  NetlinkRequest(uint16_t type, uint16_t flags, const void* header,
                 size_t size);
  nlmsghdr* message() { return reinterpret_cast<nlmsghdr*>(buffer_); }

  alignas(8) uint8_t buffer_[kSize] = {};
};

// A socket in the network namespace of the thread that opens it.
class NetlinkSocket {
 public:
  // protocol: NETLINK_ROUTE (0), NETLINK_GENERIC.
  static absl::StatusOr<NetlinkSocket> Open(int protocol = 0);

  int fd() const;
  // Subscribes to RTNLGRP_*.
  absl::Status Join(int group);
  // Room for notifications that wait to be read.
  void SetReceiveBuffer(int bytes);

  // Sends a request and hands over the answers until the kernel says that it
  // is done. Not for sockets that joined a group. Errors: the kernel's, with
  // its explanation; Aborted if a dump was overtaken by changes.
  absl::Status Ask(NetlinkRequest request, NetlinkHandler handle);

  // Hands over the notifications that wait. Errors: ResourceExhausted if the
  // kernel had to drop some.
  absl::Status Drain(NetlinkHandler handle);

 private:
  struct Close {
    void operator()(mnl_socket* socket) const;
  };
  explicit NetlinkSocket(mnl_socket* socket);

  std::unique_ptr<mnl_socket, Close> socket_;
  std::vector<uint8_t> buffer_;
  uint32_t sequence_ = 0;
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_NETLINK_MNL_H_
