// SPDX-License-Identifier: Apache-2.0
// Puts pins, maps, links, slots and the punt path together.
#include "controller/dataplane/data_plane.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>

#include <algorithm>
#include <bit>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "controller/base/status.h"
#include "controller/dataplane/objects.h"
#include "controller/dataplane/pins.h"
#include "controller/dataplane/slots.h"
#include "controller/dataplane/tap.h"
#include "controller/dataplane/xdp_link.h"
#include "controller/dataplane/xsk_set.h"
#include "maps/realm.h"

namespace rampart {
namespace {

// AF_XDP memory is pinned: 4 KB a frame, shared out among all queues.
constexpr uint32_t kFramesTotal = 16384;
constexpr uint32_t kFramesMin = 256;   // per queue
constexpr uint32_t kFramesMax = 4096;  // per queue

template <typename K, typename V>
absl::StatusOr<Map<K, V>> TypedMap(const MapFds& fds, const char* name) {
  UniqueFd fd(fcntl(fds.at(name).get(), F_DUPFD_CLOEXEC, 3));
  return Map<K, V>::Of(std::move(fd));
}

// family: '4' or '6'.
template <typename Table>
absl::StatusOr<std::unique_ptr<Table>> OpenTable(const MapFds& fds, char family,
                                                 const rp_flow_hash& hash,
                                                 uint32_t capacity,
                                                 GracePeriod& grace_period) {
  const auto fd = [&](const std::string& name) {
    return fds.at(name + family).get();
  };
  return Table::Open({fd("rp_flow_tags"), fd("rp_flows"), fd("rp_flow_notes")},
                     hash, capacity, grace_period);
}

absl::StatusOr<SlowMaps> OpenSlowMaps(const MapFds& fds) {
  ASSIGN_OR_RETURN(auto drops,
                   (TypedMap<uint32_t, rp_counter>(fds, "rp_slow_drops")));
  ASSIGN_OR_RETURN(auto tenants, (TypedMap<rp_tenant_drop_key, rp_counter>(
                                     fds, "rp_slow_tenants")));
  ASSIGN_OR_RETURN(auto samples,
                   (TypedMap<uint32_t, rp_drop_ring>(fds, "rp_slow_samples")));
  return SlowMaps{std::move(drops), std::move(tenants), std::move(samples)};
}

absl::StatusOr<Maps> TypedMaps(const MapFds& fds, uint32_t capacity) {
  ASSIGN_OR_RETURN(auto config,
                   (TypedMap<uint32_t, rp_config>(fds, "rp_config")));
  ASSIGN_OR_RETURN(const std::optional<rp_config> current, config.Get(0));
  RP_CHECK(current.has_value());
  ASSIGN_OR_RETURN(auto grace_period, MakeGracePeriod());
  // An earlier run may have removed entries just before it ended.
  RETURN_IF_ERROR(grace_period->Wait());
  const rp_flow_hash& hash = current->flow_hash;
  ASSIGN_OR_RETURN(auto flows4, OpenTable<FlowTable4>(fds, '4', hash, capacity,
                                                      *grace_period));
  ASSIGN_OR_RETURN(auto flows6, OpenTable<FlowTable6>(fds, '6', hash, capacity,
                                                      *grace_period));
  ASSIGN_OR_RETURN(auto next_hops,
                   (TypedMap<uint32_t, rp_next_hop>(fds, "rp_next_hops")));
  ASSIGN_OR_RETURN(auto peers4,
                   (TypedMap<rp_peer4_key, rp_peer>(fds, "rp_peers4")));
  ASSIGN_OR_RETURN(auto peers6,
                   (TypedMap<rp_peer6_key, rp_peer>(fds, "rp_peers6")));
  ASSIGN_OR_RETURN(auto grants,
                   (TypedMap<rp_grant_key, rp_grant>(fds, "rp_grants")));
  ASSIGN_OR_RETURN(auto addresses,
                   (TypedMap<rp_address_key, uint32_t>(fds, "rp_addresses")));
  ASSIGN_OR_RETURN(auto prefixes,
                   (TypedMap<rp_prefix_key, uint32_t>(fds, "rp_prefixes")));
  ASSIGN_OR_RETURN(auto nat_open, (TypedMap<rp_nat_open_key, rp_nat_open>(
                                      fds, "rp_nat_open")));
  ASSIGN_OR_RETURN(auto ip_ids,
                   SharedArray<uint64_t>::Of(fds.at("rp_ip_ids").get()));
  ASSIGN_OR_RETURN(auto locals,
                   (TypedMap<rp_local_key, uint32_t>(fds, "rp_locals")));
  ASSIGN_OR_RETURN(auto devices,
                   (TypedMap<uint32_t, rp_device>(fds, "rp_devices")));
  ASSIGN_OR_RETURN(SlowMaps slow, OpenSlowMaps(fds));
  return Maps{
      std::move(grace_period), std::move(flows4),    std::move(flows6),
      std::move(config),       std::move(next_hops), std::move(peers4),
      std::move(peers6),       std::move(grants),    std::move(addresses),
      std::move(prefixes),     std::move(nat_open),  std::move(ip_ids),
      std::move(locals),       std::move(devices),   std::move(slow)};
}

class KernelDataPlane final : public DataPlane {
 public:
  KernelDataPlane(Pins pins, PinnedMaps pinned, Maps maps)
      : pins_(std::move(pins)),
        fds_(std::move(pinned.fds)),
        adopted_(pinned.adopted),
        maps_(std::move(maps)),
        slots_(maps_.devices, fds_.at("rp_ports").get(),
               fds_.at("rp_outcomes").get()) {}

  // Brings what an earlier run left into a known state.
  absl::Status Start();

  bool adopted() const override { return adopted_; }
  const Maps& maps() const override { return maps_; }
  absl::StatusOr<AttachedDevice> Attach(const DeviceConfig& device,
                                        const rp_device& entry) override;
  absl::Status Detach(uint32_t slot) override;
  std::vector<AttachedDevice> devices() const override;
  absl::Status OpenPuntPath(std::string_view name) override;
  int punt_fd() const override { return xsks_->fd(); }
  absl::StatusOr<int> ReadPunts(int budget, PuntHandler handle) override {
    return xsks_->Read(budget, handle);
  }
  absl::Status Inject(uint32_t realm, uint32_t tunnel,
                      absl::Span<const uint8_t> packet) override {
    return Write(RP_INJECT_REALM, realm, tunnel, nullptr, packet);
  }
  absl::Status InjectFragment(uint32_t realm, uint32_t tunnel,
                              const rp_inject_fragment& of,
                              absl::Span<const uint8_t> packet) override {
    return Write(RP_INJECT_FRAGMENT, realm, tunnel, &of, packet);
  }
  absl::Status Send(uint32_t next_hop,
                    absl::Span<const uint8_t> packet) override {
    return Write(RP_INJECT_NEXT_HOP, next_hop, RP_TUNNEL_UNDERLAY, nullptr,
                 packet);
  }
  absl::StatusOr<std::vector<DeviceCounters>> ReadCounters() const override {
    return slots_.ReadCounters();
  }
  std::vector<PuntLosses> punt_losses() const override {
    return xsks_->Losses();
  }

 private:
  absl::StatusOr<uint32_t> SlotFor(const std::string& device,
                                   uint32_t ifindex) const;
  absl::StatusOr<XdpLink> AttachSlot(uint32_t slot, const std::string& device,
                                     const rp_device& entry, XdpMode mode,
                                     const std::string& pin) const;
  absl::Status AttachTap(uint32_t slot, Tap tap);
  absl::Status AddSockets(uint32_t slot, const std::string& device, int queues);
  absl::Status Write(uint16_t verb, uint32_t argument, uint32_t tunnel,
                     const rp_inject_fragment* fragment,
                     absl::Span<const uint8_t> packet) const;

  Pins pins_;
  MapFds fds_;
  bool adopted_;
  Maps maps_;
  Slots slots_;
  std::unique_ptr<XskSet> xsks_;
  std::map<uint32_t, AttachedDevice> attached_;  // by slot
  std::optional<Tap> tap_;
  UniqueFd tap_link_;  // not pinned: the TAP ends with this process too
};

absl::Status KernelDataPlane::Start() {
  ASSIGN_OR_RETURN(xsks_, XskSet::Open(fds_.at("rp_xsks").get()));
  std::set<uint32_t> linked;
  for (const std::string& device : pins_.linked_devices()) {
    linked.insert(LinkedDevice(pins_.link(device)));
  }
  return slots_.Sweep([&linked](const rp_device& entry) {
    return entry.role != RP_ROLE_INJECT && linked.contains(entry.ifindex);
  });
}

// A device that was deleted and made again keeps its slot.
absl::StatusOr<uint32_t> KernelDataPlane::SlotFor(const std::string& device,
                                                  uint32_t ifindex) const {
  for (const auto& [slot, attached] : attached_) {
    if (attached.name == device) return slot;
  }
  return slots_.Choose(ifindex);
}

absl::StatusOr<XdpLink> KernelDataPlane::AttachSlot(
    uint32_t slot, const std::string& device, const rp_device& entry,
    XdpMode mode, const std::string& pin) const {
  const auto role = static_cast<rp_role>(entry.role);
  ASSIGN_OR_RETURN(const UniqueFd program, LoadProgram(fds_, role, slot));
  // The slot is filled before packets can come on through it.
  RETURN_IF_ERROR(slots_.Fill(slot, entry));
  return AttachXdp(program.get(), device, entry.ifindex, mode, pin);
}

absl::StatusOr<AttachedDevice> KernelDataPlane::Attach(
    const DeviceConfig& device, const rp_device& entry) {
  if (if_nametoindex(device.name.c_str()) != entry.ifindex) {
    return absl::FailedPreconditionError(
        absl::StrCat("device ", device.name, ": is not ifindex ", entry.ifindex,
                     " (any more)"));
  }
  rp_device filled = entry;
  filled.role =
      device.role == DeviceRole::kUplink ? RP_ROLE_UPLINK : RP_ROLE_ACCESS;
  ASSIGN_OR_RETURN(const uint32_t slot, SlotFor(device.name, entry.ifindex));
  absl::StatusOr<XdpLink> link = AttachSlot(
      slot, device.name, filled, device.mode, pins_.link(device.name));
  if (!link.ok()) {
    // An update that failed leaves the earlier program at work.
    if (LinkedDevice(pins_.link(device.name)) == 0) Detach(slot).IgnoreError();
    return link.status();
  }
  const AttachedDevice attached = {.slot = slot,
                                   .ifindex = entry.ifindex,
                                   .name = device.name,
                                   .role = device.role,
                                   .mode = link->mode,
                                   .why = link->why,
                                   .queues = ReceiveQueues(device.name),
                                   .adopted = link->adopted};
  attached_[slot] = attached;
  // Sockets last as long as their device: an update loses no punt.
  const bool has_sockets =
      link->adopted && xsks_->Count(slot) == attached.queues;
  if (tap_ && !has_sockets) {
    RETURN_IF_ERROR(AddSockets(slot, attached.name, attached.queues));
  }
  return attached;
}

absl::Status KernelDataPlane::Detach(uint32_t slot) {
  xsks_->Remove(slot);
  const auto found = attached_.find(slot);
  if (found != attached_.end()) {
    RETURN_IF_ERROR(RemoveLink(pins_.link(found->second.name)));
    attached_.erase(found);
  }
  return slots_.Free(slot);
}

std::vector<AttachedDevice> KernelDataPlane::devices() const {
  std::vector<AttachedDevice> devices;
  devices.reserve(attached_.size());
  for (const auto& [slot, attached] : attached_) devices.push_back(attached);
  return devices;
}

absl::Status KernelDataPlane::AddSockets(uint32_t slot,
                                         const std::string& device,
                                         int queues) {
  uint32_t all_queues = 1;  // the TAP's
  for (const auto& [other, attached] : attached_) {
    all_queues += static_cast<uint32_t>(attached.queues);
  }
  xsks_->Remove(slot);
  return xsks_->Add(slot, device, queues,
                    std::clamp(std::bit_floor(kFramesTotal / all_queues),
                               kFramesMin, kFramesMax));
}

absl::Status KernelDataPlane::OpenPuntPath(std::string_view name) {
  if (tap_) return absl::FailedPreconditionError("punt path: open already");
  ASSIGN_OR_RETURN(Tap tap, Tap::Open(name));
  ASSIGN_OR_RETURN(const uint32_t slot, slots_.Choose(tap.ifindex()));
  if (absl::Status status = AttachTap(slot, std::move(tap)); !status.ok()) {
    Detach(slot).IgnoreError();
    return status;
  }
  for (const auto& [other, device] : attached_) {
    RETURN_IF_ERROR(AddSockets(other, device.name, device.queues));
  }
  return absl::OkStatus();
}

absl::Status KernelDataPlane::AttachTap(uint32_t slot, Tap tap) {
  rp_device entry = {};
  entry.ifindex = tap.ifindex();
  entry.role = RP_ROLE_INJECT;
  entry.link_header_len = RP_DEVICE_LEN_L2;
  ASSIGN_OR_RETURN(XdpLink link,
                   AttachSlot(slot, tap.name(), entry, XdpMode::kNative, ""));
  // A packet that is injected can miss again, and is then punted by the TAP's
  // own program.
  RETURN_IF_ERROR(AddSockets(slot, tap.name(), 1));
  tap_link_ = std::move(link.fd);
  tap_ = std::move(tap);
  return absl::OkStatus();
}

absl::Status KernelDataPlane::Write(uint16_t verb, uint32_t argument,
                                    uint32_t tunnel,
                                    const rp_inject_fragment* fragment,
                                    absl::Span<const uint8_t> packet) const {
  if (!tap_) return absl::FailedPreconditionError("punt path: not open");
  rp_inject header = {};
  header.verb = htons(verb);
  header.source = htons(RP_INJECT_SOURCE);
  argument = htonl(argument);
  tunnel = htonl(tunnel);
  std::memcpy(header.argument, &argument, sizeof(argument));
  std::memcpy(header.tunnel, &tunnel, sizeof(tunnel));
  return tap_->Write(header, fragment, packet);
}

}  // namespace

absl::StatusOr<std::unique_ptr<DataPlane>> DataPlane::Open(
    const Options& options) {
  ASSIGN_OR_RETURN(Pins pins, Pins::Create(options.bpffs, options.edge));
  ASSIGN_OR_RETURN(PinnedMaps pinned,
                   OpenMaps(pins, options.flow_capacity, options.store_id));
  ASSIGN_OR_RETURN(Maps maps, TypedMaps(pinned.fds, options.flow_capacity));
  auto data_plane = std::make_unique<KernelDataPlane>(
      std::move(pins), std::move(pinned), std::move(maps));
  RETURN_IF_ERROR(data_plane->Start());
  return std::unique_ptr<DataPlane>(std::move(data_plane));
}

}  // namespace rampart
