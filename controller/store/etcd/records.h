// SPDX-License-Identifier: Apache-2.0
// What the fleet's state looks like in etcd. Pure functions: no I/O.
//
// An epoch may be larger than a transaction of etcd, so documents are written
// first, under names that are digests of what they hold, and a last small
// transaction makes them the epoch: an edge sees all of it or nothing.
//
//   PREFIX/head              the record of the epoch in force
//   PREFIX/epochs/00000007   the record of each epoch of the history
//   PREFIX/pages/DIGEST      up to kPageEntries entries: tenant, its document
//   PREFIX/objects/DIGEST/0  a tenant's document, in parts of kPartBytes
//   PREFIX/sweep             changes when documents that nobody needs go
//   PREFIX/edges/NAME        an edge that is there, under a lease
#ifndef RAMPART_CONTROLLER_STORE_ETCD_RECORDS_H_
#define RAMPART_CONTROLLER_STORE_ETCD_RECORDS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "controller/model/resources.h"
#include "controller/store/fleet.h"

namespace rampart {

inline constexpr size_t kPageEntries = 64;
// etcd takes requests of 1.5 MiB.
inline constexpr size_t kPartBytes = size_t{512} << 10;

// Keys below one prefix, which ends without a slash.
struct FleetKeys {
  std::string prefix;
  std::string Head() const { return prefix + "/head"; }
  std::string Sweep() const { return prefix + "/sweep"; }
  std::string Epochs() const { return prefix + "/epochs/"; }
  std::string Epoch(uint32_t epoch) const;
  std::string Pages() const { return prefix + "/pages/"; }
  std::string Page(std::string_view digest) const;
  std::string Objects() const { return prefix + "/objects/"; }
  std::string Part(std::string_view digest, size_t part) const;
  std::string Edges() const { return prefix + "/edges/"; }
};

// One epoch, without its tenants.
struct FleetRecord {
  uint64_t store_id = 0;
  std::string commit;  // random: tells a writer his own
  std::string edge;    // where it was made
  EpochRecord epoch;
  std::string file;    // Resources::file
  uint64_t bytes = 0;  // of documents that are new in it
  std::optional<Probation> probation;
  std::vector<std::string> pages;  // digests
};
std::string RecordToText(const FleetRecord& record);
// Errors: DataLoss; FailedPrecondition for a format that is too new.
absl::StatusOr<FleetRecord> RecordFromText(std::string_view text);

// A tenant of an epoch; one that is gone stays, for the ids it had.
struct FleetEntry {
  std::string name;
  std::string digest;  // of its document
  size_t parts = 0;
  friend bool operator==(const FleetEntry&, const FleetEntry&) = default;
};
std::string PageToText(const std::vector<FleetEntry>& entries);
absl::StatusOr<std::vector<FleetEntry>> PageFromText(std::string_view text);

struct FleetTenant {
  uint32_t id = 0;
  std::map<std::string, uint32_t> tunnels;  // ids, also of those that are gone
  std::optional<Shared<Tenant>> tenant;     // nothing: it is gone
};
std::string TenantToText(const FleetTenant& tenant);
absl::StatusOr<FleetTenant> TenantFromText(std::string_view text);

std::string EdgeToText(const FleetEdge& edge);
absl::StatusOr<FleetEdge> EdgeFromText(std::string_view text);

// 64 hexadecimal digits.
std::string DigestOf(std::string_view text);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_STORE_ETCD_RECORDS_H_
