// SPDX-License-Identifier: Apache-2.0
// The loaded data plane: programs, maps, devices. The only folder that
// includes libbpf and libxdp.
#ifndef RAMPART_CONTROLLER_DATAPLANE_DATA_PLANE_H_
#define RAMPART_CONTROLLER_DATAPLANE_DATA_PLANE_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controller/config/edge_config.h"
#include "controller/dataplane/flow_table.h"
#include "controller/dataplane/grace_period.h"
#include "controller/dataplane/map.h"
#include "maps/config.h"
#include "maps/flow.h"
#include "maps/next_hop.h"
#include "maps/outcomes.h"
#include "maps/punt.h"
#include "maps/ramp.h"

namespace rampart {

// What the controller dropped.
struct SlowMaps {
  Map<uint32_t, rp_counter> drops;              // rp_slow_drops
  Map<rp_tenant_drop_key, rp_counter> tenants;  // rp_slow_tenants
  Map<uint32_t, rp_drop_ring> samples;          // rp_slow_samples
};

// Every map of the data plane; names as in the kernel, in bpffs and in xdpctl.
struct Maps {
  std::unique_ptr<GracePeriod> grace_period;   // of the flow tables
  std::unique_ptr<FlowTable4> flows4;          // rp_flows4 and its tags, notes
  std::unique_ptr<FlowTable6> flows6;          // the same for IPv6
  Map<uint32_t, rp_config> config;             // rp_config
  Map<uint32_t, rp_next_hop> next_hops;        // rp_next_hops
  Map<rp_peer4_key, rp_peer> peers4;           // rp_peers4
  Map<rp_peer6_key, rp_peer> peers6;           // rp_peers6
  Map<rp_grant_key, rp_grant> grants;          // rp_grants
  Map<rp_address_key, uint32_t> addresses;     // rp_addresses
  Map<rp_prefix_key, uint32_t> prefixes;       // rp_prefixes
  Map<rp_nat_open_key, rp_nat_open> nat_open;  // rp_nat_open
  SharedArray<uint64_t> ip_ids;                // rp_ip_ids
  Map<rp_local_key, uint32_t> locals;          // rp_locals
  Map<uint32_t, rp_device> devices;            // rp_devices
  SlowMaps slow;
};

// What `mode: auto` chose.
struct AttachedDevice {
  uint32_t slot = 0;
  uint32_t ifindex = 0;
  std::string name;
  DeviceRole role = DeviceRole::kUplink;
  XdpMode mode = XdpMode::kNative;  // never kAuto
  // kGeneric chosen by auto: what the driver said; or that the mode changed.
  std::string why;
  int queues = 0;
  bool adopted = false;  // the link was pinned by an earlier run
};

struct DeviceCounters {
  uint32_t slot = 0;
  std::array<rp_counter, RP_OUTCOME_COUNT> outcomes = {};  // summed over CPUs
};

// Punts that a device's program sent and no socket of this run took.
struct PuntLosses {
  uint32_t slot = 0;
  uint64_t ring_full = 0;
  uint64_t no_frame = 0;  // none free, or none large enough
};

class DataPlane {
 public:
  struct Punt {
    rp_punt record;
    absl::Span<const uint8_t> packet;  // from the IP header on
  };
  using PuntHandler = absl::FunctionRef<void(absl::Span<const Punt>)>;
  struct Options {
    std::string edge;
    std::string bpffs = "/sys/fs/bpf";  // pins go to <bpffs>/rampart/<edge>
    uint32_t flow_capacity = 1048576;   // directed entries per family
    uint64_t store_id = 0;
  };

  // Adopts the maps pinned by an earlier run, or makes new ones: all of them
  // in a temporary folder that is renamed into place when complete. One
  // controller per edge: holds a lock on the pin folder. Errors:
  // FailedPrecondition if the pins are of another layout, capacity or store
  // (the message tells to run `rampartd --detach`), Unavailable if another
  // controller holds the lock.
  static absl::StatusOr<std::unique_ptr<DataPlane>> Open(
      const Options& options);

  virtual ~DataPlane() = default;

  virtual bool adopted() const = 0;
  virtual const Maps& maps() const = 0;

  // Loads a program for the device and attaches it by a pinned bpf_link; a
  // link that is pinned already is updated atomically instead and loses no
  // packet. Fills rp_devices, rp_ports. Errors name device and mode.
  virtual absl::StatusOr<AttachedDevice> Attach(const DeviceConfig& device,
                                                const rp_device& entry) = 0;
  // Forgets a device: link, slot, sockets.
  virtual absl::Status Detach(uint32_t slot) = 0;
  virtual std::vector<AttachedDevice> devices() const = 0;

  // Makes the TAP that packets are re-injected through, named `name`, with the
  // program on it; an AF_XDP socket for every queue of every attached device.
  virtual absl::Status OpenPuntPath(std::string_view name) = 0;
  // Readable when punts wait: one epoll descriptor over all sockets.
  virtual int punt_fd() const = 0;
  // Hands out up to `budget` punts, some at a time; the bytes are valid during
  // the call. Returns their number.
  virtual absl::StatusOr<int> ReadPunts(int budget, PuntHandler handle) = 0;
  // Takes an IP packet on in `realm` as if it had come through `tunnel`.
  virtual absl::Status Inject(uint32_t realm, uint32_t tunnel,
                              absl::Span<const uint8_t> packet) = 0;
  // The same for one fragment of a datagram whose others follow or went before.
  virtual absl::Status InjectFragment(uint32_t realm, uint32_t tunnel,
                                      const rp_inject_fragment& of,
                                      absl::Span<const uint8_t> packet) = 0;
  // Sends an IP packet through a next hop, as it is.
  virtual absl::Status Send(uint32_t next_hop,
                            absl::Span<const uint8_t> packet) = 0;

  virtual absl::StatusOr<std::vector<DeviceCounters>> ReadCounters() const = 0;
  // Of each slot that has sockets.
  virtual std::vector<PuntLosses> punt_losses() const = 0;
};

// Removes everything that any run for `edge` attached, pinned or made; fine if
// there is nothing. Returns what it removed, a line each.
absl::StatusOr<std::vector<std::string>> DetachAll(std::string_view bpffs,
                                                   std::string_view edge);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_DATAPLANE_DATA_PLANE_H_
