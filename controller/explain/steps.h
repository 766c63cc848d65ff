// SPDX-License-Identifier: Apache-2.0
// What the data plane did with a packet, as sentences beside the map entries
// that it read.
#ifndef RAMPART_CONTROLLER_EXPLAIN_STEPS_H_
#define RAMPART_CONTROLLER_EXPLAIN_STEPS_H_

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "controller/api/json.h"
#include "controller/compile/snapshot.h"
#include "controller/dataplane/dry_run.h"
#include "controller/dataplane/offline.h"

namespace rampart {

// Names for the numbers of an event; without snapshot, the numbers.
class EventNames {
 public:
  // snapshot may be null; both outlive this.
  EventNames(const MapReader& maps, const Snapshot* snapshot)
      : maps_(maps), snapshot_(snapshot) {}

  // Names that come from elsewhere than a snapshot.
  void NameTunnel(uint32_t id, std::string name) {
    tunnels_[id] = std::move(name);
  }
  void NameRealm(uint32_t realm, std::string name) {
    realms_[realm] = std::move(name);
  }
  void NameTenant(uint32_t id, std::string name) {
    tenants_[id] = std::move(name);
  }

  // "acme/fra", "the underlay", or "tunnel 3".
  std::string Tunnel(uint32_t id) const;
  // "acme/main (VNI 1001)", "the underlay", or "VNI 1001".
  std::string Realm(uint32_t realm) const;
  // "acme", "-" for 0, or "tenant 2".
  std::string Tenant(uint32_t id) const;
  // "eth0", "the controller's TAP", or "slot 3".
  std::string Device(uint32_t slot) const;
  uint16_t gue_port() const;

 private:
  const MapReader& maps_;
  const Snapshot* snapshot_;
  std::map<uint32_t, std::string> tunnels_;
  std::map<uint32_t, std::string> realms_;
  std::map<uint32_t, std::string> tenants_;
};

// {"stage", "text"} and, where an entry was read, "map", "key", "value".
// frame: as it came on; the dry run's or a watched packet's events, in order.
// now: tick, for idle times.
Json StepsOf(absl::Span<const DryEvent> events, absl::Span<const uint8_t> frame,
             const MapReader& maps, const EventNames& names, uint32_t now);

// One event: "flow", "miss in rp_flows4". Without entries of maps.
struct EventText {
  std::string stage;
  std::string text;
};
EventText TextOf(const rp_event& event, absl::Span<const uint8_t> bytes,
                 const EventNames& names);

// "gue.h:87", "" if the event is no drop.
std::string PlaceOf(uint64_t file, uint32_t line);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_EXPLAIN_STEPS_H_
