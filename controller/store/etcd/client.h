// SPDX-License-Identifier: Apache-2.0
// etcd as this project uses it. The only file pair that includes gRPC.
#ifndef RAMPART_CONTROLLER_STORE_ETCD_CLIENT_H_
#define RAMPART_CONTROLLER_STORE_ETCD_CLIENT_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

namespace rampart {

struct EtcdOptions {
  std::vector<std::string> endpoints;  // "192.0.2.1:2379", "[::1]:2379"
  std::string user;                    // "": no authentication
  std::string password;
  bool tls = false;
  // PEM texts. Without a CA, those of the system.
  std::string ca;
  std::string certificate;
  std::string key;
  absl::Duration attempt = absl::Seconds(2);  // for one endpoint
  absl::Duration timeout = absl::Seconds(4);  // for all of them
};

struct EtcdValue {
  std::string key;
  std::string value;
  int64_t revision = 0;  // that wrote it
};

// Changes that happen together or not at all. etcd takes 128 of them.
struct EtcdChanges {
  // All of these keys still are of that revision; 0: are not there.
  std::vector<std::pair<std::string, int64_t>> unchanged;
  struct Put {
    std::string key;
    std::string value;
    int64_t lease = 0;
  };
  std::vector<Put> puts;
  std::vector<std::string> deletes;
  // From the first on, without the second.
  std::vector<std::pair<std::string, std::string>> range_deletes;
};

// A cluster; for any thread. Calls wait for an answer, at most
// EtcdOptions::timeout. One that gets none from an endpoint asks the next one,
// so a change may have happened although the last answer denies it. Errors:
// Unavailable and DeadlineExceeded: nobody answered; PermissionDenied,
// Unauthenticated: of the user; ResourceExhausted: etcd is full.
class EtcdClient {
 public:
  // Connects when it is first used.
  explicit EtcdClient(EtcdOptions options);
  ~EtcdClient();

  // Nothing, if there is no such key. The answer is the cluster's, not one
  // member's idea of it.
  absl::StatusOr<std::optional<EtcdValue>> Get(const std::string& key);
  // In the order of `keys`; nothing for those that are not there.
  absl::StatusOr<std::vector<std::optional<EtcdValue>>> GetAll(
      absl::Span<const std::string> keys);
  struct ListOptions {
    bool keys_only = false;  // values stay empty
    bool backwards = false;
    int64_t limit = 0;     // 0: none
    int64_t revision = 0;  // as it was then; 0: now
  };
  // The keys that begin with `prefix`, in order.
  absl::StatusOr<std::vector<EtcdValue>> List(const std::string& prefix,
                                              const ListOptions& options);
  // The revision of the changes. 0: something of `unchanged` had changed, and
  // nothing was done.
  absl::StatusOr<int64_t> Commit(const EtcdChanges& changes);
  // Keys written under a lease go when it is over.
  absl::StatusOr<int64_t> GrantLease(absl::Duration ttl);
  // Errors: NotFound if it is over.
  absl::Status KeepLease(int64_t lease);
  absl::Status RevokeLease(int64_t lease);

  // The changes of one key, from `revision` on.
  class Watch {
   public:
    virtual ~Watch() = default;
    // True: it has changed; false: not before the deadline, or Cancel() was
    // called. Errors: OutOfRange: etcd has compacted these revisions away;
    // Unavailable: broken off. After an error, make another one.
    virtual absl::StatusOr<bool> Wait(absl::Time deadline) = 0;
    // Ends Wait(), also one in another thread.
    virtual void Cancel() = 0;
  };
  // Must not outlive the client.
  std::unique_ptr<Watch> WatchKey(const std::string& key, int64_t revision);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The key after all keys that begin with `prefix`.
std::string EndOfPrefix(std::string prefix);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_STORE_ETCD_CLIENT_H_
