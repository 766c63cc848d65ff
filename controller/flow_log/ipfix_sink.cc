// SPDX-License-Identifier: Apache-2.0
#include "controller/flow_log/ipfix_sink.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "controller/base/status.h"
#include "controller/base/text.h"

namespace rampart {
namespace {

// UDP: no fragments on any usual path (RFC 7011 section 10.3.3).
constexpr size_t kUdpMessage = 1400;
constexpr size_t kTcpMessage = 16384;
constexpr size_t kSequenceAt = 8;  // in the message header (section 3.1)
// A collector that takes nothing for so long is gone.
constexpr absl::Duration kPatience = absl::Seconds(3);

std::string NameOf(const IpfixSink::Options& options) {
  const std::string address = options.collector.address.ToString();
  return absl::StrCat("ipfix ", options.tcp ? "tcp " : "udp ",
                      options.collector.address.is_v4()
                          ? address
                          : absl::StrCat("[", address, "]"),
                      ":", options.collector.port);
}

struct SocketAddress {
  sockaddr_storage storage = {};
  socklen_t length = 0;
};

SocketAddress ToSocketAddress(const Endpoint& endpoint) {
  SocketAddress address;
  if (endpoint.address.is_v4()) {
    auto* v4 = reinterpret_cast<sockaddr_in*>(&address.storage);
    v4->sin_family = AF_INET;
    v4->sin_port = htons(endpoint.port);
    v4->sin_addr.s_addr = endpoint.address.v4();
    address.length = sizeof(*v4);
  } else {
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(endpoint.port);
    std::memcpy(&v6->sin6_addr, endpoint.address.bytes().data(), 16);
    address.length = sizeof(*v6);
  }
  return address;
}

}  // namespace

IpfixSink::IpfixSink(const Options& options, uint64_t& exported)
    : options_(options),
      name_(NameOf(options)),
      exported_(exported),
      encoder_(options.domain, options.tcp ? kTcpMessage : kUdpMessage),
      added_(exported) {}

absl::Status IpfixSink::Error(const char* what) {
  const absl::Status status =
      absl::ErrnoToStatus(errno, absl::StrCat("flow log ", name_, ": ", what));
  socket_ = UniqueFd();
  return status;
}

absl::Status IpfixSink::Connect() {
  const SocketAddress to = ToSocketAddress(options_.collector);
  socket_ = UniqueFd(
      socket(to.storage.ss_family,
             (options_.tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0));
  if (!socket_.valid()) return Error("socket");
  // For connect() and send() alike (socket(7)).
  const timeval patience = absl::ToTimeval(kPatience);
  if (setsockopt(socket_.get(), SOL_SOCKET, SO_SNDTIMEO, &patience,
                 sizeof(patience)) != 0)
    return Error("socket");
  if (connect(socket_.get(), reinterpret_cast<const sockaddr*>(&to.storage),
              to.length) != 0)
    return Error("connect");
  if (options_.tcp) {
    const uint32_t pending = message_.empty() ? 0 : pending_;
    encoder_.BeginSession(0);
    RETURN_IF_ERROR(SendTemplates());
    encoder_.BeginSession(pending);
    if (pending != 0) message_.replace(kSequenceAt, 4, 4, '\0');
    return absl::OkStatus();
  }
  return SendTemplates();
}

absl::Status IpfixSink::SendTemplates() {
  templates_sent_ = absl::Now();
  return SendMessage(encoder_.Templates(templates_sent_));
}

absl::Status IpfixSink::SendMessage(std::string_view message) {
  while (!message.empty()) {
    const ssize_t sent =
        send(socket_.get(), message.data(), message.size(), MSG_NOSIGNAL);
    if (sent < 0) return Error("send");
    message.remove_prefix(static_cast<size_t>(sent));
  }
  return absl::OkStatus();
}

absl::Status IpfixSink::Send() {
  if (message_.empty()) {
    if (encoder_.count() == 0) return absl::OkStatus();
    pending_ = encoder_.count();
    message_ = encoder_.Finish(absl::Now());
  }
  RETURN_IF_ERROR(SendMessage(message_));
  message_.clear();
  exported_ = added_;
  return absl::OkStatus();
}

template <typename Record>
absl::Status IpfixSink::AddOrSend(const Record& record, uint64_t last) {
  if (last <= added_) return absl::OkStatus();
  if (!encoder_.Add(record)) {
    RETURN_IF_ERROR(Send());
    RP_CHECK(encoder_.Add(record));  // alone it fits
  }
  added_ = last;
  return absl::OkStatus();
}

absl::Status IpfixSink::WriteItem(const FlowItem& item) {
  if (const auto* gap = std::get_if<FlowGap>(&item))
    return AddOrSend(*gap, gap->last);
  for (const FlowRecord& record : std::get<0>(item)->records)
    RETURN_IF_ERROR(AddOrSend(record, record.sequence));
  return absl::OkStatus();
}

absl::Status IpfixSink::Write(absl::Span<const FlowItem> items) {
  if (!socket_.valid()) RETURN_IF_ERROR(Connect());
  if (!options_.tcp && absl::Now() - templates_sent_ >= options_.templates)
    RETURN_IF_ERROR(SendTemplates());
  // A message that could not be sent goes first; it has its number already.
  RETURN_IF_ERROR(Send());
  for (const FlowItem& item : items) RETURN_IF_ERROR(WriteItem(item));
  return Send();
}

}  // namespace rampart
