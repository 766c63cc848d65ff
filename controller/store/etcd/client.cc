// SPDX-License-Identifier: Apache-2.0
#include "controller/store/etcd/client.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "controller/base/status.h"
#include "etcd.grpc.pb.h"

namespace rampart {
namespace {

namespace pb = etcdserverpb;

constexpr size_t kPage = 64;  // keys that are read at once

std::shared_ptr<grpc::Channel> Connect(const EtcdOptions& options,
                                       const std::string& endpoint) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 3000);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
  // Else an endpoint that was refused once is left alone for 30 seconds.
  arguments.SetInt(GRPC_ARG_DNS_MIN_TIME_BETWEEN_RESOLUTIONS_MS, 500);
  // A watch says nothing for hours, and must notice when its server has gone
  // without a word. etcd takes offence at more than one ping in 5 seconds.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 10000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 3000);
  if (!options.tls)
    return grpc::CreateCustomChannel(
        endpoint, grpc::InsecureChannelCredentials(), arguments);
  return grpc::CreateCustomChannel(
      endpoint,
      grpc::SslCredentials({.pem_root_certs = options.ca,
                            .pem_private_key = options.key,
                            .pem_cert_chain = options.certificate}),
      arguments);
}

// Both sides number codes the same way.
absl::Status ToStatus(const std::string& endpoint, const char* what,
                      const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                      absl::StrCat("etcd ", endpoint, ": ", what, ": ",
                                   status.error_message()));
}

bool IsLost(const absl::Status& status) {
  return status.code() == absl::StatusCode::kUnavailable ||
         status.code() == absl::StatusCode::kDeadlineExceeded;
}

// Also what etcd 3.4 says to a token of before its restart.
bool IsTokenRefused(const grpc::Status& status) {
  return status.error_code() == grpc::StatusCode::UNAUTHENTICATED;
}

pb::RequestOp RangeOp(const std::string& key) {
  pb::RequestOp op;
  op.mutable_request_range()->set_key(key);
  return op;
}

EtcdValue ToValue(pb::KeyValue& from) {
  return {.key = std::move(*from.mutable_key()),
          .value = std::move(*from.mutable_value()),
          .revision = from.mod_revision()};
}

pb::TxnRequest ToRequest(const EtcdChanges& changes) {
  pb::TxnRequest request;
  for (const auto& [key, revision] : changes.unchanged) {
    pb::Compare& compare = *request.add_compare();
    compare.set_result(pb::Compare::EQUAL);
    compare.set_target(pb::Compare::MOD);
    compare.set_key(key);
    compare.set_mod_revision(revision);
  }
  for (const EtcdChanges::Put& put : changes.puts) {
    pb::PutRequest& to = *request.add_success()->mutable_request_put();
    to.set_key(put.key);
    to.set_value(put.value);
    to.set_lease(put.lease);
  }
  for (const std::string& key : changes.deletes)
    request.add_success()->mutable_request_delete_range()->set_key(key);
  for (const auto& [first, end] : changes.range_deletes) {
    auto* range = request.add_success()->mutable_request_delete_range();
    range->set_key(first);
    range->set_range_end(end);
  }
  return request;
}

class WatchStream final : public EtcdClient::Watch {
 public:
  WatchStream(std::shared_ptr<grpc::Channel> channel, std::string endpoint,
              const std::string& token, const std::string& key,
              int64_t revision)
      : stub_(pb::Watch::NewStub(std::move(channel))),
        endpoint_(std::move(endpoint)) {
    if (!token.empty()) context_.AddMetadata("token", token);
    auto* create = request_.mutable_create_request();
    create->set_key(key);
    create->set_start_revision(revision);
    stream_ = stub_->AsyncWatch(&context_, &queue_, Tag(kStarted));
  }

  ~WatchStream() override {
    context_.TryCancel();
    queue_.Shutdown();
    void* tag;
    bool ok;
    while (queue_.Next(&tag, &ok)) {
    }
  }

  absl::StatusOr<bool> Wait(absl::Time deadline) override {
    for (;;) {
      void* tag;
      bool ok;
      switch (queue_.AsyncNext(&tag, &ok, absl::ToChronoTime(deadline))) {
        case grpc::CompletionQueue::TIMEOUT:
          return false;
        case grpc::CompletionQueue::SHUTDOWN:
          return Broken("closed");
        case grpc::CompletionQueue::GOT_EVENT:
          break;
      }
      if (!ok) return Broken("broken off");
      if (tag == Tag(kStarted)) {
        stream_->Write(request_, Tag(kWritten));
        stream_->Read(&response_, Tag(kRead));
      } else if (tag == Tag(kRead)) {
        ASSIGN_OR_RETURN(const bool changed, Answered());
        stream_->Read(&response_, Tag(kRead));
        if (changed) return true;
      }
    }
  }

  void Cancel() override { context_.TryCancel(); }

 private:
  enum Step : intptr_t { kStarted = 1, kWritten, kRead };
  // NOLINTNEXTLINE(performance-no-int-to-ptr): gRPC gives it back, no more.
  static void* Tag(Step step) { return reinterpret_cast<void*>(step); }

  absl::Status Broken(std::string_view why) const {
    return absl::UnavailableError(
        absl::StrCat("etcd ", endpoint_,
                     ": watch: ", absl::string_view(why.data(), why.size())));
  }
  absl::StatusOr<bool> Answered() const {
    if (response_.compact_revision() != 0)
      return absl::OutOfRangeError(
          absl::StrCat("etcd ", endpoint_, ": watch: compacted up to revision ",
                       response_.compact_revision()));
    if (response_.canceled()) return Broken(response_.cancel_reason());
    return response_.events_size() != 0;
  }

  const std::unique_ptr<pb::Watch::Stub> stub_;
  const std::string endpoint_;
  pb::WatchRequest request_;
  pb::WatchResponse response_;
  grpc::CompletionQueue queue_;
  grpc::ClientContext context_;
  std::unique_ptr<
      grpc::ClientAsyncReaderWriter<pb::WatchRequest, pb::WatchResponse>>
      stream_;
};

}  // namespace

struct EtcdClient::Impl {
  struct Endpoint {
    std::string name;
    std::shared_ptr<grpc::Channel> channel;
    std::string token;  // of this endpoint; "": none yet
  };
  using Work =
      absl::FunctionRef<grpc::Status(grpc::ClientContext*, grpc::Channel*)>;

  explicit Impl(EtcdOptions o) : options(std::move(o)) {
    for (const std::string& name : options.endpoints)
      endpoints.push_back({name, Connect(options, name), ""});
  }

  Endpoint Current() {
    const std::lock_guard lock(mutex);
    return endpoints[current];
  }
  // Unless somebody did it already.
  void LeaveFor(const std::string& lost) {
    const std::lock_guard lock(mutex);
    if (endpoints[current].name == lost)
      current = (current + 1) % endpoints.size();
  }

  absl::Status LogIn(Endpoint& endpoint, absl::Time deadline) {
    if (options.user.empty()) return absl::OkStatus();
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(deadline));
    pb::AuthenticateRequest request;
    request.set_name(options.user);
    request.set_password(options.password);
    pb::AuthenticateResponse response;
    RETURN_IF_ERROR(ToStatus(endpoint.name, "log in",
                             pb::Auth::NewStub(endpoint.channel)
                                 ->Authenticate(&context, request, &response)));
    endpoint.token = response.token();
    const std::lock_guard lock(mutex);
    for (Endpoint& known : endpoints)
      if (known.name == endpoint.name) known.token = endpoint.token;
    return absl::OkStatus();
  }

  // One endpoint, with a new token if it wants one.
  absl::Status Ask(const char* what, Endpoint endpoint, absl::Time deadline,
                   Work work) {
    if (endpoint.token.empty()) RETURN_IF_ERROR(LogIn(endpoint, deadline));
    for (bool again = false;; again = true) {
      grpc::ClientContext context;
      context.set_deadline(absl::ToChronoTime(deadline));
      if (!endpoint.token.empty()) context.AddMetadata("token", endpoint.token);
      const grpc::Status status = work(&context, endpoint.channel.get());
      if (again || options.user.empty() || !IsTokenRefused(status))
        return ToStatus(endpoint.name, what, status);
      RETURN_IF_ERROR(LogIn(endpoint, deadline));
    }
  }

  absl::Status Call(const char* what, Work work) {
    const absl::Time deadline = absl::Now() + options.timeout;
    absl::Status status;
    for (size_t i = 0; i < endpoints.size(); ++i) {
      const Endpoint endpoint = Current();
      const absl::Time now = absl::Now();
      if (i != 0 && now >= deadline) break;
      const bool last = i + 1 == endpoints.size();
      status = Ask(what, endpoint,
                   last ? deadline : std::min(deadline, now + options.attempt),
                   work);
      if (!IsLost(status)) break;
      LeaveFor(endpoint.name);
    }
    return status;
  }

  absl::StatusOr<pb::RangeResponse> Range(const pb::RangeRequest& request) {
    pb::RangeResponse response;
    RETURN_IF_ERROR(Call("read", [&](auto* context, auto* channel) {
      return Stub<pb::KV>(channel)->Range(context, request, &response);
    }));
    return response;
  }
  absl::StatusOr<pb::TxnResponse> Txn(const char* what,
                                      const pb::TxnRequest& request) {
    pb::TxnResponse response;
    RETURN_IF_ERROR(Call(what, [&](auto* context, auto* channel) {
      return Stub<pb::KV>(channel)->Txn(context, request, &response);
    }));
    return response;
  }

  // The channel is one of `endpoints`, and lives as long.
  template <typename Service>
  static std::unique_ptr<typename Service::Stub> Stub(grpc::Channel* channel) {
    return Service::NewStub(
        std::shared_ptr<grpc::Channel>(std::shared_ptr<void>(), channel));
  }

  const EtcdOptions options;
  std::mutex mutex;  // guards what is below
  std::vector<Endpoint> endpoints;
  size_t current = 0;
};

EtcdClient::EtcdClient(EtcdOptions options)
    : impl_(std::make_unique<Impl>(std::move(options))) {}

EtcdClient::~EtcdClient() = default;

absl::StatusOr<std::optional<EtcdValue>> EtcdClient::Get(
    const std::string& key) {
  pb::RangeRequest request;
  request.set_key(key);
  ASSIGN_OR_RETURN(pb::RangeResponse response, impl_->Range(request));
  if (response.kvs_size() == 0) return std::nullopt;
  return ToValue(*response.mutable_kvs(0));
}

absl::StatusOr<std::vector<std::optional<EtcdValue>>> EtcdClient::GetAll(
    absl::Span<const std::string> keys) {
  std::vector<std::optional<EtcdValue>> values;
  while (values.size() < keys.size()) {
    pb::TxnRequest request;
    for (const std::string& key : keys.subspan(values.size(), kPage))
      *request.add_success() = RangeOp(key);
    ASSIGN_OR_RETURN(pb::TxnResponse response, impl_->Txn("read", request));
    if (response.responses_size() != request.success_size())
      return absl::InternalError("etcd: read: not as many answers as keys");
    for (pb::ResponseOp& answer : *response.mutable_responses()) {
      pb::RangeResponse& range = *answer.mutable_response_range();
      values.push_back(range.kvs_size() == 0
                           ? std::nullopt
                           : std::optional(ToValue(*range.mutable_kvs(0))));
    }
  }
  return values;
}

absl::StatusOr<std::vector<EtcdValue>> EtcdClient::List(
    const std::string& prefix, const ListOptions& options) {
  std::vector<EtcdValue> values;
  pb::RangeRequest request;
  request.set_key(prefix);
  request.set_range_end(EndOfPrefix(prefix));
  request.set_keys_only(options.keys_only);
  request.set_revision(options.revision);
  if (options.backwards) request.set_sort_order(pb::RangeRequest::DESCEND);
  const auto limit = static_cast<size_t>(options.limit);
  for (;;) {
    request.set_limit(
        limit == 0 ? kPage : std::min<size_t>(kPage, limit - values.size()));
    ASSIGN_OR_RETURN(pb::RangeResponse response, impl_->Range(request));
    for (pb::KeyValue& value : *response.mutable_kvs())
      values.push_back(ToValue(value));
    if (!response.more() || response.kvs_size() == 0 ||
        (limit != 0 && values.size() >= limit))
      return values;
    if (options.backwards)
      request.set_range_end(values.back().key);
    else
      request.set_key(values.back().key + std::string(1, '\0'));
  }
}

absl::StatusOr<int64_t> EtcdClient::Commit(const EtcdChanges& changes) {
  ASSIGN_OR_RETURN(const pb::TxnResponse response,
                   impl_->Txn("write", ToRequest(changes)));
  return response.succeeded() ? response.header().revision() : 0;
}

absl::StatusOr<int64_t> EtcdClient::GrantLease(absl::Duration ttl) {
  pb::LeaseGrantRequest request;
  request.set_ttl(absl::ToInt64Seconds(ttl));
  pb::LeaseGrantResponse response;
  RETURN_IF_ERROR(impl_->Call("lease", [&](auto* context, auto* channel) {
    return Impl::Stub<pb::Lease>(channel)->LeaseGrant(context, request,
                                                      &response);
  }));
  return response.id();
}

absl::Status EtcdClient::KeepLease(int64_t lease) {
  pb::LeaseKeepAliveRequest request;
  request.set_id(lease);
  pb::LeaseKeepAliveResponse response;
  RETURN_IF_ERROR(impl_->Call("lease", [&](auto* context, auto* channel) {
    const auto stream = Impl::Stub<pb::Lease>(channel)->LeaseKeepAlive(context);
    stream->Write(request);
    stream->WritesDone();
    const bool answered = stream->Read(&response);
    const grpc::Status status = stream->Finish();
    return answered ? grpc::Status::OK : status;
  }));
  if (response.ttl() <= 0) return absl::NotFoundError("etcd: lease: is over");
  return absl::OkStatus();
}

absl::Status EtcdClient::RevokeLease(int64_t lease) {
  pb::LeaseRevokeRequest request;
  request.set_id(lease);
  pb::LeaseRevokeResponse response;
  return impl_->Call("lease", [&](auto* context, auto* channel) {
    return Impl::Stub<pb::Lease>(channel)->LeaseRevoke(context, request,
                                                       &response);
  });
}

std::unique_ptr<EtcdClient::Watch> EtcdClient::WatchKey(const std::string& key,
                                                        int64_t revision) {
  const Impl::Endpoint endpoint = impl_->Current();
  return std::make_unique<WatchStream>(endpoint.channel, endpoint.name,
                                       endpoint.token, key, revision);
}

std::string EndOfPrefix(std::string prefix) {
  while (!prefix.empty() && prefix.back() == '\xff') prefix.pop_back();
  if (prefix.empty()) return std::string(1, '\0');
  ++prefix.back();
  return prefix;
}

}  // namespace rampart
