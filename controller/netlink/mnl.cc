// SPDX-License-Identifier: Apache-2.0
// libmnl, wrapped.
#include "controller/netlink/mnl.h"

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "controller/base/status.h"

namespace rampart {
namespace {

// The kernel fills dump messages up to 32 KB if the reader has room for them.
constexpr size_t kBufferSize = 32768;
// The kernel answers at once; a wait is a fault that must not become a hang.
constexpr timeval kAnswerTimeout = {.tv_sec = 5, .tv_usec = 0};

absl::Span<const uint8_t> PayloadOf(const nlmsghdr* message) {
  return {static_cast<const uint8_t*>(mnl_nlmsg_get_payload(message)),
          mnl_nlmsg_get_payload_len(message)};
}

// What the kernel says beside the number (NETLINK_EXT_ACK).
std::string Explanation(const nlmsghdr* message, const nlmsgerr& error) {
  if ((message->nlmsg_flags & NLM_F_ACK_TLVS) == 0) return "";
  size_t offset = sizeof(nlmsgerr);
  if ((message->nlmsg_flags & NLM_F_CAPPED) == 0) {
    offset += MNL_ALIGN(error.msg.nlmsg_len) - sizeof(nlmsghdr);
  }
  const absl::Span<const uint8_t> payload = PayloadOf(message);
  if (offset >= payload.size()) return "";
  return NetlinkAttributes(payload.subspan(offset)).Text(NLMSGERR_ATTR_MSG);
}

// Of an NLMSG_ERROR, which may also say that all is well.
absl::Status ToStatus(const nlmsghdr* message) {
  if (mnl_nlmsg_get_payload_len(message) < sizeof(nlmsgerr)) {
    return absl::InternalError("netlink: short error message");
  }
  const auto& error =
      *static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(message));
  if (error.error == 0) return absl::OkStatus();
  const std::string explanation = Explanation(message, error);
  return absl::ErrnoToStatus(
      -error.error,
      explanation.empty() ? "netlink" : absl::StrCat("netlink: ", explanation));
}

// Collects one attribute of a list.
int Collect(const nlattr* attribute, void* data) {
  auto& bytes =
      *static_cast<std::map<uint16_t, absl::Span<const uint8_t>>*>(data);
  bytes[mnl_attr_get_type(attribute)] = {
      static_cast<const uint8_t*>(mnl_attr_get_payload(attribute)),
      mnl_attr_get_payload_len(attribute)};
  return MNL_CB_OK;
}

// How far the answers to a request have come.
struct Answers {
  uint32_t sequence;
  bool dump;
  bool done = false;
  bool interrupted = false;
  absl::Status status;
};

void HandleAnswer(const nlmsghdr* message, NetlinkHandler handle,
                  Answers& answers) {
  if (message->nlmsg_seq != answers.sequence) return;  // of one that timed out
  answers.interrupted |= (message->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
  if (message->nlmsg_type == NLMSG_ERROR) {
    answers.status = ToStatus(message);
    answers.done = !answers.dump || !answers.status.ok();
  } else if (message->nlmsg_type == NLMSG_DONE) {
    answers.done = true;
  } else if (message->nlmsg_type >= NLMSG_MIN_TYPE) {
    handle({message->nlmsg_type, PayloadOf(message)});
  }
}

}  // namespace

NetlinkAttributes::NetlinkAttributes(absl::Span<const uint8_t> bytes) {
  mnl_attr_parse_payload(bytes.data(), bytes.size(), Collect, &bytes_);
}

absl::Span<const uint8_t> NetlinkAttributes::Bytes(uint16_t type) const {
  const auto found = bytes_.find(type);
  if (found == bytes_.end()) return {};
  return found->second;
}

std::string NetlinkAttributes::Text(uint16_t type) const {
  const absl::Span<const uint8_t> bytes = Bytes(type);
  return {bytes.begin(), std::find(bytes.begin(), bytes.end(), '\0')};
}

std::optional<IpAddress> NetlinkAttributes::Address(uint16_t type) const {
  return ToAddress(Bytes(type));
}

std::optional<IpAddress> ToAddress(absl::Span<const uint8_t> bytes) {
  if (bytes.size() == 4) {
    uint32_t v4;
    std::memcpy(&v4, bytes.data(), sizeof(v4));
    return IpAddress::V4(v4);
  }
  if (bytes.size() == 16) {
    uint8_t v6[16];
    std::memcpy(v6, bytes.data(), sizeof(v6));
    return IpAddress::V6(v6);
  }
  return std::nullopt;
}

NetlinkRequest::NetlinkRequest(uint16_t type, uint16_t flags,
                               const void* header, size_t size) {
  nlmsghdr* message = mnl_nlmsg_put_header(buffer_);
  message->nlmsg_type = type;
  message->nlmsg_flags = NLM_F_REQUEST | flags;
  std::memcpy(mnl_nlmsg_put_extra_header(message, size), header, size);
}

void NetlinkRequest::Put(uint16_t type, const void* data, size_t size) {
  RP_CHECK(mnl_attr_put_check(message(), kSize, type, size, data));
}

void NetlinkRequest::PutAddress(uint16_t type, const IpAddress& address) {
  const std::string_view bytes = address.bytes();
  Put(type, bytes.data(), bytes.size());
}

NetlinkSocket::NetlinkSocket(mnl_socket* socket)
    : socket_(socket), buffer_(kBufferSize) {}

void NetlinkSocket::Close::operator()(mnl_socket* socket) const {
  mnl_socket_close(socket);
}

absl::StatusOr<NetlinkSocket> NetlinkSocket::Open(int protocol) {
  mnl_socket* opened = mnl_socket_open2(protocol, SOCK_CLOEXEC);
  if (opened == nullptr) return absl::ErrnoToStatus(errno, "netlink: open");
  NetlinkSocket socket(opened);
  if (mnl_socket_bind(opened, 0, MNL_SOCKET_AUTOPID) != 0) {
    return absl::ErrnoToStatus(errno, "netlink: bind");
  }
  int on = 1;
  mnl_socket_setsockopt(opened, NETLINK_EXT_ACK, &on, sizeof(on));
  setsockopt(socket.fd(), SOL_SOCKET, SO_RCVTIMEO, &kAnswerTimeout,
             sizeof(kAnswerTimeout));
  return socket;
}

int NetlinkSocket::fd() const { return mnl_socket_get_fd(socket_.get()); }

absl::Status NetlinkSocket::Join(int group) {
  if (mnl_socket_setsockopt(socket_.get(), NETLINK_ADD_MEMBERSHIP, &group,
                            sizeof(group)) == 0) {
    return absl::OkStatus();
  }
  return absl::ErrnoToStatus(errno,
                             absl::StrCat("netlink: join group ", group));
}

void NetlinkSocket::SetReceiveBuffer(int bytes) {
  if (setsockopt(fd(), SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) !=
      0) {
    setsockopt(fd(), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
  }
}

absl::Status NetlinkSocket::Ask(NetlinkRequest request, NetlinkHandler handle) {
  nlmsghdr* message = request.message();
  message->nlmsg_seq = ++sequence_;
  // NLM_F_DUMP is two bits, one of which is NLM_F_EXCL in other requests.
  Answers answers = {.sequence = sequence_,
                     .dump = (message->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP,
                     .status = {}};
  if (!answers.dump) message->nlmsg_flags |= NLM_F_ACK;
  if (mnl_socket_sendto(socket_.get(), message, message->nlmsg_len) < 0) {
    return absl::ErrnoToStatus(errno, "netlink: send");
  }
  while (!answers.done) {
    const ssize_t size =
        mnl_socket_recvfrom(socket_.get(), buffer_.data(), buffer_.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return absl::ErrnoToStatus(errno, "netlink: receive");
    int left = static_cast<int>(size);
    for (auto* answer = reinterpret_cast<const nlmsghdr*>(buffer_.data());
         mnl_nlmsg_ok(answer, left); answer = mnl_nlmsg_next(answer, &left)) {
      HandleAnswer(answer, handle, answers);
    }
  }
  if (answers.status.ok() && answers.interrupted) {
    return absl::AbortedError("netlink: dump overtaken by changes");
  }
  return answers.status;
}

absl::Status NetlinkSocket::Drain(NetlinkHandler handle) {
  while (true) {
    const ssize_t size =
        recv(fd(), buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == EAGAIN) return absl::OkStatus();
    if (size < 0 && errno == ENOBUFS) {
      return absl::ResourceExhaustedError("netlink: notifications were lost");
    }
    if (size < 0) return absl::ErrnoToStatus(errno, "netlink: receive");
    int left = static_cast<int>(size);
    for (auto* message = reinterpret_cast<const nlmsghdr*>(buffer_.data());
         mnl_nlmsg_ok(message, left);
         message = mnl_nlmsg_next(message, &left)) {
      handle({message->nlmsg_type, PayloadOf(message)});
    }
  }
}

}  // namespace rampart
