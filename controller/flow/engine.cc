// SPDX-License-Identifier: Apache-2.0
#include "controller/flow/engine.h"

#include <arpa/inet.h>
#include <time.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <utility>

#include "controller/base/status.h"
#include "controller/flow/admission.h"
#include "controller/flow/expiry.h"
#include "controller/flow/flows.h"
#include "controller/flow/former_realms.h"
#include "controller/flow/map_sync.h"
#include "controller/flow/nat_log.h"
#include "controller/flow/next_hops.h"
#include "controller/flow/open_ports.h"
#include "controller/flow/pending.h"
#include "controller/flow/port_control.h"
#include "controller/flow/probes.h"
#include "controller/flow/punt_share.h"
#include "controller/flow/replies.h"
#include "controller/flow/slow_drops.h"
#include "controller/flow/sweep.h"
#include "maps/config.h"
#include "maps/realm.h"

namespace rampart {
namespace {

constexpr absl::Duration kOtherTimeout = absl::Minutes(5);
constexpr absl::Duration kDeniedTimeout = absl::Seconds(5);
// How often a forecast looks at the time: flows.
constexpr uint32_t kJudgedPerLook = 1024;
constexpr int64_t kOffsetTolerance = 10'000'000;  // ns

// Unix time minus CLOCK_MONOTONIC, ns. The kernel's clocks and not `Clock`:
// the data plane adds it to what the kernel tells it.
int64_t UnixOffset() {
  timespec unix_time, monotonic;
  clock_gettime(CLOCK_REALTIME, &unix_time);
  clock_gettime(CLOCK_MONOTONIC, &monotonic);
  return (int64_t{unix_time.tv_sec} - monotonic.tv_sec) * 1'000'000'000 +
         unix_time.tv_nsec - monotonic.tv_nsec;
}

uint32_t PerPuntTick(uint32_t punts_per_tick) {
  return punts_per_tick >> (RP_TICK_SHIFT - RP_PUNT_TICK_SHIFT);
}

uint64_t Random64(const std::function<uint32_t(uint32_t)>& random) {
  return uint64_t{random(UINT32_MAX)} << 32 | random(UINT32_MAX);
}

class EngineImpl final : public Engine {
 public:
  explicit EngineImpl(const Dependencies& d)
      : deps_(d),
        open_ports_(d.data_plane.maps().nat_open),
        flows_(d.data_plane.maps(), d.hooks, d.clock),
        health_(d.clock),
        next_hops_(d.underlay, d.data_plane, health_),
        probes_(
            {d.data_plane, d.hooks, next_hops_, health_, Random64(d.random)}),
        drops_(d.data_plane.maps().slow, d.clock),
        replies_({d.data_plane, d.underlay, d.clock, next_hops_, d.hooks}),
        admission_({d.data_plane, d.hooks, d.clock, flows_, next_hops_,
                    replies_, drops_, probes_, Random64(d.random)}),
        sweep_({d.hooks, d.clock, flows_, next_hops_, formers_, d.past}) {}

  // What an earlier run left, but its flows. Once, before all else.
  absl::Status Load() {
    RETURN_IF_ERROR(drops_.Load());
    RETURN_IF_ERROR(formers_.Adopt(deps_.data_plane.maps().grants));
    return next_hops_.Adopt([this](uint32_t tunnel, uint32_t peer) {
      health_.Suspect(tunnel, peer);
    });
  }
  absl::Status Apply(std::shared_ptr<const Snapshot> snapshot,
                     OnChange on_change) override;
  absl::StatusOr<int> ProcessPunts(int budget) override;
  absl::Status OnTick() override;
  void OnUnderlayChange() override;
  void ForEachFlow(
      absl::FunctionRef<void(const FlowView&)> visit) const override;
  bool Forecast(const Snapshot& next, absl::Duration patience,
                absl::FunctionRef<void(const FlowView&, const Judgement&)>
                    visit) const override;
  void ForEachNatSession(
      absl::FunctionRef<void(const NatSession&)> visit) const override {
    if (nat_) nat_->ForEach(visit);
  }
  const NatAllocator* nat() const override { return nat_.get(); }
  void OnLogged() override {
    const uint64_t durable = deps_.block_log->Committed();
    nat_->Logged(durable);
    port_control_->Logged(durable);
    background_.Update(admission_.ServePending(/*recorded=*/true));
  }
  Statistics statistics() const override;
  std::vector<MapUse> map_use() const override;
  const absl::flat_hash_map<uint32_t, FlowCount>& flow_counts() const override {
    return flows_.by_realm();
  }
  PeerView peer(uint32_t tunnel, uint32_t position) const override {
    return health_.At(tunnel, position);
  }
  std::vector<PeerChange> TakePeerChanges() override {
    return probes_.TakeChanges();
  }

 private:
  // Once: what of NAT does not change while this runs.
  absl::Status MakeNat();
  absl::Status SyncRamps();
  // SyncMap(), and notes how many entries there are now.
  template <typename K, typename V>
  absl::Status Sync(const Map<K, V>& map,
                    const std::vector<std::pair<K, V>>& wanted) {
    synced_[map.name()] = {.entries = wanted.size(),
                           .capacity = map.max_entries()};
    return SyncMap(map, wanted);
  }
  absl::Status SyncLocals();
  absl::Status WriteConfig();
  absl::Status RefreshOffset();
  // Once a tick: what each tenant may have from now on.
  absl::Status SharePunts();
  absl::Status ResolveAll();
  template <typename F>
  void ForEachFlowOf(absl::FunctionRef<void(const FlowView&)> visit) const;
  template <typename F>
  bool ForecastOf(
      const Judge& judge, absl::Time deadline,
      absl::FunctionRef<void(const FlowView&, const Judgement&)> visit) const;
  template <typename F>
  FlowView ViewOf(const LiveFlow<F>& flow) const;

  Dependencies deps_;
  std::shared_ptr<const Snapshot> snapshot_;
  OpenPorts open_ports_;
  std::unique_ptr<NatAllocator> nat_;
  Flows flows_;
  PeerHealth health_;
  NextHops next_hops_;
  Probes probes_;
  SlowDrops drops_;
  Replies replies_;
  std::unique_ptr<PortControl> port_control_;  // null without a log
  Admission admission_;
  FormerRealms formers_;
  Sweep sweep_;
  rp_config config_ = {};
  uint64_t punts_ = 0;
  PuntShare share_;
  uint32_t shared_ = 0;  // tick
  uint32_t punts_per_tick_ = share_.Next(1);
  uint32_t resolved_ = 0;      // tick of the last complete resolution
  bool must_resolve_ = false;  // at the next tick
  std::map<std::string, MapUse> synced_;  // maps of the configuration
  absl::Status background_;  // error of OnUnderlayChange(), told by OnTick()
};

absl::Status EngineImpl::Apply(std::shared_ptr<const Snapshot> snapshot,
                               OnChange on_change) {
  const bool first = snapshot_ == nullptr;
  // What still points into the old one is told about the new one below.
  const std::shared_ptr<const Snapshot> old = std::move(snapshot_);
  snapshot_ = std::move(snapshot);
  if (first) RETURN_IF_ERROR(MakeNat());
  nat_->UseStatic(snapshot_->NatStatics());
  nat_->UsePrefixes(snapshot_->NatPrefixes());
  if (port_control_) {
    if (first) RETURN_IF_ERROR(port_control_->Restore());
    port_control_->Use(snapshot_.get());
  }
  deps_.hooks.OnApply(*snapshot_);
  flows_.UseEpoch(snapshot_->epoch());
  health_.Use(snapshot_.get());
  next_hops_.Use(snapshot_.get());
  probes_.Use(snapshot_.get());
  replies_.Use(snapshot_.get());
  admission_.Use(snapshot_.get(), nat_.get(), port_control_.get());
  formers_.Use(*snapshot_, on_change);
  sweep_.Use(snapshot_.get(), on_change);
  if (first) {
    flows_.Adopt<FlowV4>();
    flows_.Adopt<FlowV6>();
    RETURN_IF_ERROR(open_ports_.Sync());
  }
  RETURN_IF_ERROR(WriteConfig());
  RETURN_IF_ERROR(SyncRamps());
  return ResolveAll();
}

absl::Status EngineImpl::MakeNat() {
  nat_ = std::make_unique<NatAllocator>(snapshot_->edge().pools, deps_.clock,
                                        deps_.random);
  nat_->on_open = [this](uint8_t protocol, const Endpoint& outside, bool open) {
    open_ports_.Set(protocol, outside, open);
  };
  flows_.UseNat(nat_.get());
  if (deps_.block_log == nullptr) return absl::OkStatus();
  port_control_ = std::make_unique<PortControl>(PortControl::Dependencies{
      *nat_, *deps_.block_log, deps_.clock, replies_});
  return ConnectLog(
      *nat_, *deps_.block_log, deps_.clock,
      [this](uint32_t realm) { return snapshot_->FindVnet(realm); });
}

absl::Status EngineImpl::SyncRamps() {
  const Maps& maps = deps_.data_plane.maps();
  RETURN_IF_ERROR(Sync(maps.addresses, snapshot_->Addresses()));
  RETURN_IF_ERROR(Sync(maps.prefixes, snapshot_->Prefixes()));
  auto grants = snapshot_->Grants();
  formers_.AddTo(grants);
  RETURN_IF_ERROR(Sync(maps.grants, grants));
  RETURN_IF_ERROR(Sync(maps.peers4, snapshot_->Peers4()));
  RETURN_IF_ERROR(Sync(maps.peers6, snapshot_->Peers6()));
  // Last: what a CPU remembers from before does not count any more.
  config_.ramps = std::max(config_.ramps + 1, 1u);
  return maps.config.Put(0, config_);
}

absl::Status EngineImpl::SyncLocals() {
  std::vector<std::pair<rp_local_key, uint32_t>> locals;
  for (const AttachedDevice& device : deps_.data_plane.devices()) {
    if (device.role != DeviceRole::kAccess) continue;
    for (const IpAddress& address : deps_.underlay.Addresses(device.ifindex)) {
      rp_local_key key = {.slot = device.slot, .addr = {}};
      address.ToMapped(key.addr);
      locals.emplace_back(key, 1);
    }
  }
  return Sync(deps_.data_plane.maps().locals, locals);
}

absl::Status EngineImpl::WriteConfig() {
  ASSIGN_OR_RETURN(const auto current, deps_.data_plane.maps().config.Get(0));
  RP_CHECK(current.has_value());
  const EdgeConfig& edge = snapshot_->edge();
  config_ = *current;  // with what belongs to the pins
  config_.gue_port = htons(edge.gue_port);
  config_.unix_offset = static_cast<uint64_t>(UnixOffset());
  config_.punts_per_tick = PerPuntTick(punts_per_tick_);
  config_.epoch = snapshot_->epoch();
  uint32_t* timeouts = config_.timeouts;
  timeouts[RP_TIMEOUT_UDP] = ToTicks(edge.timeouts.udp);
  timeouts[RP_TIMEOUT_TCP_ESTABLISHED] = ToTicks(edge.timeouts.tcp_established);
  timeouts[RP_TIMEOUT_TCP_OPENING] = ToTicks(edge.timeouts.tcp_opening);
  timeouts[RP_TIMEOUT_TCP_CLOSING] = ToTicks(edge.timeouts.tcp_closing);
  timeouts[RP_TIMEOUT_UDP_UNREPLIED] = ToTicks(edge.timeouts.udp_unreplied);
  timeouts[RP_TIMEOUT_UDP_BRIEF] = ToTicks(edge.timeouts.dns);
  timeouts[RP_TIMEOUT_ICMP] = ToTicks(edge.timeouts.icmp);
  timeouts[RP_TIMEOUT_OTHER] = ToTicks(kOtherTimeout);
  timeouts[RP_TIMEOUT_DENIED] = ToTicks(kDeniedTimeout);
  flows_.UseTimeouts(config_.timeouts);
  return deps_.data_plane.maps().config.Put(0, config_);
}

absl::Status EngineImpl::RefreshOffset() {
  const int64_t offset = UnixOffset();
  const int64_t moved = offset - static_cast<int64_t>(config_.unix_offset);
  if (std::abs(moved) <= kOffsetTolerance) return absl::OkStatus();
  config_.unix_offset = static_cast<uint64_t>(offset);
  return deps_.data_plane.maps().config.Put(0, config_);
}

absl::Status EngineImpl::ResolveAll() {
  must_resolve_ = false;
  resolved_ = deps_.clock.Tick();
  RETURN_IF_ERROR(SyncLocals());
  RETURN_IF_ERROR(next_hops_.ResolveAll());
  sweep_.OnUnderlayChange();
  return admission_.ServePending();
}

absl::Status EngineImpl::SharePunts() {
  const uint32_t now = deps_.clock.Tick();
  if (now == shared_) return absl::OkStatus();
  const uint32_t limit = share_.Next(now - std::exchange(shared_, now));
  const uint32_t far = punts_per_tick_ / 16;  // from what is in force
  if (limit >= punts_per_tick_ - far && limit <= punts_per_tick_ + far)
    return absl::OkStatus();
  punts_per_tick_ = limit;
  config_.punts_per_tick = PerPuntTick(limit);
  return deps_.data_plane.maps().config.Put(0, config_);
}

absl::StatusOr<int> EngineImpl::ProcessPunts(int budget) {
  if (!snapshot_) return 0;
  RETURN_IF_ERROR(SharePunts());
  flows_.Reclaim();
  absl::Status status;
  const absl::Time begin = deps_.clock.Now();
  const absl::StatusOr<int> handled = deps_.data_plane.ReadPunts(
      budget, [&](absl::Span<const DataPlane::Punt> punts) {
        for (const DataPlane::Punt& punt : punts)
          share_.Count(punt.record.tenant);
        status.Update(admission_.OnPunts(punts));
      });
  if (!handled.ok()) return handled.status();
  punts_ += *handled;
  share_.AddTime(deps_.clock.Now() - begin);
  status.Update(drops_.Flush());
  if (!status.ok()) return status;
  return handled;
}

absl::Status EngineImpl::OnTick() {
  if (!snapshot_) return absl::OkStatus();
  RETURN_IF_ERROR(std::exchange(background_, absl::OkStatus()));
  RETURN_IF_ERROR(RefreshOffset());
  if (must_resolve_)
    RETURN_IF_ERROR(ResolveAll());
  else
    RETURN_IF_ERROR(next_hops_.ResolveDown());
  RETURN_IF_ERROR(probes_.OnTick());
  RETURN_IF_ERROR(admission_.OnTick());
  RETURN_IF_ERROR(sweep_.Run());
  if (formers_.TakeForgotten()) RETURN_IF_ERROR(SyncRamps());
  nat_->ReleaseRested();
  if (port_control_) port_control_->OnTick();
  RETURN_IF_ERROR(open_ports_.TakeError());
  flows_.Reclaim();
  return drops_.Flush();
}

// Asking the kernel about every next hop is done once a tick at most; what
// packets may be waiting for is looked at each time.
void EngineImpl::OnUnderlayChange() {
  if (!snapshot_) return;
  if (deps_.clock.Tick() != resolved_) {
    background_.Update(ResolveAll());
    return;
  }
  must_resolve_ = true;
  background_.Update(next_hops_.ResolveDown());
  background_.Update(admission_.ServePending());
}

template <typename F>
Engine::FlowView EngineImpl::ViewOf(const LiveFlow<F>& flow) const {
  const typename F::Value& forward = flow.value[kForward];
  const FlowTuple rewritten = RewrittenTuple<F>(flow.key[kForward], forward);
  const uint32_t idle = flow.Idle(deps_.clock.Tick());
  const uint32_t timeout = flows_.TimeoutTicks(flow.key[kForward].proto,
                                               forward.flow.marks, flow.tcp());
  FlowView view = {.tuple = TupleOf<F>(flow.key[kForward]),
                   .translated_source = rewritten.source,
                   .translated_destination = rewritten.destination,
                   .on_ramp = forward.flow.on_ramp,
                   .next_hop = next_hops_.At(forward.flow.next_hop),
                   .reverse_realm = forward.flow.reverse_realm,
                   .idle = FromTicks(idle),
                   .expires_in = FromTicks(timeout - std::min(idle, timeout)),
                   .tcp = flow.tcp(),
                   .kind = KindOf(forward.flow),
                   .epoch = flows_.table<F>().NoteAt(flow.slot).epoch,
                   .rule = flows_.RuleAt<F>(flow.slot)};
  for (const Direction direction : {kForward, kReverse}) {
    view.packets[direction] = rp_flow_packets(&flow.value[direction].flow);
    view.bytes[direction] = rp_flow_bytes(&flow.value[direction].flow);
  }
  return view;
}

template <typename F>
void EngineImpl::ForEachFlowOf(
    absl::FunctionRef<void(const FlowView&)> visit) const {
  const typename F::Table& table = flows_.table<F>();
  const uint32_t end = table.slots();
  for (uint32_t slot = table.UsedFrom(0, end); slot < end;
       slot = table.UsedFrom(slot + 1, end)) {
    if (KindOf(table.StateAt(slot)) != RP_FLOW_REVERSE)
      visit(ViewOf(flows_.Read<F>(slot)));
  }
}

void EngineImpl::ForEachFlow(
    absl::FunctionRef<void(const FlowView&)> visit) const {
  ForEachFlowOf<FlowV4>(visit);
  ForEachFlowOf<FlowV6>(visit);
}

template <typename F>
bool EngineImpl::ForecastOf(
    const Judge& judge, absl::Time deadline,
    absl::FunctionRef<void(const FlowView&, const Judgement&)> visit) const {
  const typename F::Table& table = flows_.table<F>();
  const uint32_t end = table.slots();
  uint32_t judged = 0;
  for (uint32_t slot = table.UsedFrom(0, end); slot < end;
       slot = table.UsedFrom(slot + 1, end)) {
    const rp_flow flow = table.StateAt(slot);
    if (!IsForward(flow) || !(judge.MayDiffer(flow) || !judge.IsGranted(flow)))
      continue;
    if (++judged % kJudgedPerLook == 0 && deps_.clock.Now() > deadline)
      return false;
    const Judgement judgement = judge.Of<F>(slot, OnChange::kCut);
    if (judgement.fate != FlowFate::kStays)
      visit(ViewOf(flows_.Read<F>(slot)), judgement);
  }
  return true;
}

bool EngineImpl::Forecast(
    const Snapshot& next, absl::Duration patience,
    absl::FunctionRef<void(const FlowView&, const Judgement&)> visit) const {
  if (!snapshot_) return true;
  FormerRealms formers = formers_;
  formers.Use(next, OnChange::kKeep);
  const Judge judge({deps_.hooks, flows_, next_hops_, formers}, &next,
                    snapshot_.get());
  const absl::Time deadline = deps_.clock.Now() + patience;
  return ForecastOf<FlowV4>(judge, deadline, visit) &&
         ForecastOf<FlowV6>(judge, deadline, visit);
}

Engine::Statistics EngineImpl::statistics() const {
  return {.punts = punts_,
          .flows_started = flows_.started(),
          .flows_ended = flows_.ended(),
          .flows_adopted = flows_.adopted(),
          .flows = flows_.size(),
          .pending_packets = admission_.pending(),
          .punts_dropped = drops_.counted(),
          .punts_injected = admission_.injected(),
          .punts_answered = admission_.answered(),
          .punts_waiting = admission_.waiting()};
}

std::vector<Engine::MapUse> EngineImpl::map_use() const {
  const Maps& maps = deps_.data_plane.maps();
  std::vector<MapUse> all = {
      {"rp_flows4", maps.flows4->size(), maps.flows4->capacity(),
       maps.flows4->refused()},
      {"rp_flows6", maps.flows6->size(), maps.flows6->capacity(),
       maps.flows6->refused()},
      {"rp_next_hops", next_hops_.size(), maps.next_hops.max_entries() - 1,
       next_hops_.refused()},
      {"rp_nat_open", open_ports_.size(), maps.nat_open.max_entries()}};
  for (const auto& [name, use] : synced_) {
    all.push_back(use);
    all.back().map = name;
  }
  return all;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Engine>> MakeEngine(
    const Engine::Dependencies& dependencies) {
  auto engine = std::make_unique<EngineImpl>(dependencies);
  RETURN_IF_ERROR(engine->Load());
  return engine;
}

}  // namespace rampart
