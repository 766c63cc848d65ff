// SPDX-License-Identifier: Apache-2.0
// What the controller costs per new flow: the whole, and its parts. Needs root.
//
// NewFlow/... is an engine with policy and NAT that is handed first packets
// of flows; all that a controller does but for the receive ring. "kernel": a
// loaded data plane; every packet is put back into it, must leave it, and is
// dropped behind it. "nowhere": maps only. Time is CPU time of the thread,
// which the kernel's side of a packet runs in too; as many flows are there
// before, so that memory is in use already.

#include <benchmark/benchmark.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "controller/daemon/random.h"
#include "controller/flow/engine.h"
#include "controller/policy/policy_hooks.h"
#include "tests/controller/flow/engine_fixture.h"
#include "tests/controller/netlink/network_namespace.h"

namespace rampart {
namespace {

constexpr int kFlows = 65536;  // of one measurement
constexpr int kHosts = 1024;   // that they come from
constexpr size_t kBatch = 64;  // punts handed out at once
constexpr char kEdge[] = "perf-slow-path";
constexpr uint16_t kService = 53;  // the port that all flows are for

double CpuSeconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return now.tv_sec + now.tv_nsec * 1e-9;
}

[[noreturn]] void Fail(const std::string& what) {
  std::fprintf(stderr, "perf_slow_path: %s\n", what.c_str());
  std::exit(1);
}
void Check(bool ok, const std::string& what) {
  if (!ok) Fail(what);
}
void Check(const absl::Status& status) {
  Check(status.ok(), std::string(status.message()));
}

IpAddress Host(Family family, int number) {
  const std::string last = std::to_string(number % 256);
  const std::string next = std::to_string(number / 256);
  return Ip(family == Family::kV4 ? "10.1." + next + "." + last
                                  : "fd00:1::" + next + ":" + last);
}

// First packets of `flows` flows to the Internet.
std::vector<Bytes> FirstPackets(Family family, int flows) {
  std::vector<Bytes> packets;
  packets.reserve(flows);
  for (int i = 0; i < flows; ++i) {
    packets.push_back(
        BuildPacket({.source = Host(family, i % kHosts),
                     .destination = Net(family).internet,
                     .sport = static_cast<uint16_t>(2000 + i / kHosts),
                     .dport = kService}));
  }
  return packets;
}

EdgeConfig BigEdge() {
  EdgeConfig edge = LabEdge();
  edge.pools[0].addresses.clear();
  for (int i = 1; i <= 16; ++i) {
    edge.pools[0].addresses.push_back(Ip("203.0.113." + std::to_string(i)));
    edge.pools[0].addresses.push_back(Ip("2001:db8:64::" + std::to_string(i)));
  }
  return edge;
}

// The rule that allows is the last of `rules`.
Resources WithRules(int rules) {
  Resources resources = LabResources();
  for (int i = 1; i <= rules; ++i) {
    PolicyRule rule;
    rule.name = "an-ordinary-name-of-rule-" + std::to_string(i);
    rule.action = i == rules ? PolicyAction::kAllow : PolicyAction::kDeny;
    rule.match.protocol = IPPROTO_UDP;
    const auto port = static_cast<uint16_t>(i == rules ? kService : 1000 + i);
    rule.match.destination_ports = {{port, port}};
    resources.tenants[0].Edit().policies.push_back(rule);
  }
  return resources;
}

void Arrange(FakeUnderlay& underlay, uint32_t ifindex) {
  Link link;
  link.ifindex = ifindex;
  link.name = "uplink";
  link.mac = {2, 0, 0, 0, 0, 1};
  link.mtu = 1500;
  link.up = true;
  underlay.links = {link};
  for (const Family family : {Family::kV4, Family::kV6}) {
    const IpAddress& gateway = Net(family).gateway;
    const IpAddress any = family == Family::kV4 ? Ip("0.0.0.0") : Ip("::");
    underlay.routes.push_back(
        {Prefix(any, 0),
         {.ifindex = ifindex, .gateway = gateway, .mtu = 1500}});
    underlay.neighbours[{ifindex, gateway}] = {4, 0, 0, 0, 0, 1};
  }
}

// Another data plane, but that punts come from a list.
class Punter final : public DataPlane {
 public:
  explicit Punter(DataPlane* behind) : behind_(*behind) {}

  absl::StatusOr<int> ReadPunts(int budget, PuntHandler handle) override {
    std::vector<Punt> batch;
    for (; batch.size() < kBatch && next != packets.size(); ++next)
      batch.push_back({{.reason = RP_PUNT_MISS,
                        .realm = kVnet,
                        .tunnel = kFra,
                        .length = static_cast<uint16_t>(packets[next].size())},
                       packets[next]});
    handle(batch);
    return std::min(budget, static_cast<int>(batch.size()));
  }
  absl::Status Inject(uint32_t realm, uint32_t tunnel,
                      absl::Span<const uint8_t> packet) override {
    ++injected;
    return to_kernel ? behind_.Inject(realm, tunnel, packet) : absl::OkStatus();
  }

  absl::Status InjectFragment(uint32_t, uint32_t, const rp_inject_fragment&,
                              absl::Span<const uint8_t>) override {
    return absl::UnimplementedError("no fragments here");
  }

  bool adopted() const override { return false; }
  const Maps& maps() const override { return behind_.maps(); }
  absl::StatusOr<AttachedDevice> Attach(const DeviceConfig& device,
                                        const rp_device& entry) override {
    return behind_.Attach(device, entry);
  }
  absl::Status Detach(uint32_t slot) override { return behind_.Detach(slot); }
  std::vector<AttachedDevice> devices() const override {
    return behind_.devices();
  }
  absl::Status OpenPuntPath(std::string_view name) override {
    return behind_.OpenPuntPath(name);
  }
  int punt_fd() const override { return behind_.punt_fd(); }
  absl::Status Send(uint32_t, absl::Span<const uint8_t>) override {
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<DeviceCounters>> ReadCounters() const override {
    return behind_.ReadCounters();
  }
  std::vector<PuntLosses> punt_losses() const override { return {}; }

  std::vector<Bytes> packets;
  size_t next = 0;
  uint64_t injected = 0;
  bool to_kernel = false;

 private:
  DataPlane& behind_;
};

// What is behind the uplink: drops all.
void DropAllAt(const char* device) {
  const bpf_insn drop[] = {
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = XDP_DROP},
      {.code = BPF_JMP | BPF_EXIT}};
  const UniqueFd program(
      bpf_prog_load(BPF_PROG_TYPE_XDP, "drop", "GPL", drop, 2, nullptr));
  Check(program.valid(), "program that drops");
  Check(bpf_xdp_attach(static_cast<int>(if_nametoindex(device)), program.get(),
                       0, nullptr) == 0,
        "attach the program that drops");
}

// Namespace, bpffs, veth pair and a data plane on it.
class LoadedDataPlane {
 public:
  LoadedDataPlane() {
    Check(network_.ok() && unshare(CLONE_NEWNS) == 0 &&
              mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0,
          "needs root");
    bpffs_ = "/tmp/rampart-perf-" + std::to_string(getpid());
    mkdir(bpffs_.c_str(), 0700);
    Check(mount("bpf", bpffs_.c_str(), "bpf", 0, "mode=0700") == 0, "bpffs");
    Check(std::system("ip link add uplink type veth peer name wire &&"
                      "ip link set uplink up && ip link set wire up") == 0,
          "veth pair");
    DropAllAt("wire");
    auto opened = DataPlane::Open({.edge = kEdge, .bpffs = bpffs_});
    Check(opened.status());
    plane_ = *std::move(opened);
    rp_device entry = {.ifindex = if_nametoindex("uplink"),
                       .link_header_len = RP_DEVICE_LEN_L2};
    DeviceConfig uplink;
    uplink.name = "uplink";
    uplink.mode = XdpMode::kNative;
    const auto attached = plane_->Attach(uplink, entry);
    Check(attached.status());
    Check(plane_->OpenPuntPath("rptap"));
  }
  ~LoadedDataPlane() {
    plane_.reset();
    DetachAll(bpffs_, kEdge).IgnoreError();
    umount2(bpffs_.c_str(), MNT_DETACH);
    rmdir(bpffs_.c_str());
  }
  DataPlane* get() { return plane_.get(); }

 private:
  NetworkNamespace network_;
  std::string bpffs_;
  std::unique_ptr<DataPlane> plane_;
};

// An engine that is ready for punts.
struct Controller {
  Controller(DataPlane* behind, Family family, int rules) : plane(behind) {
    plane.packets = FirstPackets(family, 2 * kFlows);
    Arrange(underlay, plane.devices()[0].ifindex);
    auto made =
        MakeEngine({plane, underlay, hooks, Clock::Real(), KernelRandom});
    Check(made.status());
    engine = *std::move(made);
    Check(engine->Apply(
        std::make_shared<const Snapshot>(BigEdge(), WithRules(rules), 1),
        OnChange::kRecheck));
    Run();
  }

  // Makes kFlows flows more; seconds of CPU time.
  double Run() {
    const size_t end = plane.next + kFlows;
    const double begin = CpuSeconds();
    while (plane.next != end) Check(engine->ProcessPunts(kBatch).status());
    const double used = CpuSeconds() - begin;
    Check(engine->statistics().flows == end && plane.injected == end,
          "not every packet made a flow");
    return used;
  }

  FakeUnderlay underlay;
  PolicyHooks hooks;
  Punter plane;
  std::unique_ptr<Engine> engine;
};

Family FamilyOf(const benchmark::State& state) {
  return state.range(0) == 4 ? Family::kV4 : Family::kV6;
}

void Report(benchmark::State& state, double seconds) {
  state.SetIterationTime(seconds / kFlows);
}

uint64_t Forwarded(const DataPlane& plane) {
  uint64_t packets = 0;
  const auto counters = plane.ReadCounters();
  Check(counters.status());
  for (const DeviceCounters& device : *counters)
    packets += device.outcomes[RP_FORWARDED].packets;
  return packets;
}

void NewFlowToNowhere(benchmark::State& state) {
  for (auto _ : state) {
    auto kernel = FakeKernel::Make(1 << 20);
    if (!kernel) Fail("needs root");
    FakeDataPlane fake(*kernel);
    AttachedDevice uplink;
    uplink.slot = kUplinkSlot;
    uplink.ifindex = kUplinkIf;
    fake.attached = {uplink};
    Controller controller(&fake, FamilyOf(state),
                          static_cast<int>(state.range(1)));
    Report(state, controller.Run());
  }
}

void NewFlowToKernel(benchmark::State& state) {
  for (auto _ : state) {
    LoadedDataPlane loaded;
    Controller controller(loaded.get(), FamilyOf(state),
                          static_cast<int>(state.range(1)));
    controller.plane.to_kernel = true;
    Report(state, controller.Run());
    const uint64_t forwarded = Forwarded(*loaded.get());
    Check(forwarded == kFlows, "forwarded " + std::to_string(forwarded));
  }
}

// Family, rules of the policy.
BENCHMARK(NewFlowToNowhere)
    ->ArgsProduct({{4, 6}, {1}})
    ->Args({4, 100})
    ->Iterations(5)
    ->UseManualTime();
BENCHMARK(NewFlowToKernel)
    ->ArgsProduct({{4, 6}, {1}})
    ->Iterations(5)
    ->UseManualTime();

void Parse(benchmark::State& state) {
  const std::vector<Bytes> packets = FirstPackets(FamilyOf(state), kFlows);
  size_t i = 0;
  for (auto _ : state)
    benchmark::DoNotOptimize(ParsePacket(kVnet, packets[i++ % kFlows]));
}
BENCHMARK(Parse)->Arg(4)->Arg(6);

void CheckSourceAndRoute(benchmark::State& state) {
  const Snapshot snapshot(BigEdge(), WithRules(1), 1);
  const LabNet& net = Net(FamilyOf(state));
  for (auto _ : state) {
    benchmark::DoNotOptimize(snapshot.SourceAllowed(kFra, kVnet, net.fra));
    benchmark::DoNotOptimize(snapshot.FindRoute(kVnet, net.internet));
  }
}
BENCHMARK(CheckSourceAndRoute)->Arg(4)->Arg(6);

void AskPolicy(benchmark::State& state) {
  const Snapshot snapshot(BigEdge(),
                          WithRules(static_cast<int>(state.range(0))), 1);
  const LabNet& net = Net(Family::kV4);
  const auto route = snapshot.FindRoute(kVnet, net.internet);
  if (!route) Fail("no route to the Internet");
  PolicyHooks hooks;
  for (auto _ : state) {
    benchmark::DoNotOptimize(hooks.OnFlowStart(
        {.tuple =
             {kVnet, {net.fra, 1234}, {net.internet, kService}, IPPROTO_UDP},
         .vnet = snapshot.FindVnet(kVnet),
         .on_ramp = snapshot.FindTunnel(kFra),
         .route = *route}));
  }
}
BENCHMARK(AskPolicy)->Arg(1)->Arg(10)->Arg(100);

// All flows of a measurement, then all of them back.
void TakePort(benchmark::State& state) {
  const Family family = FamilyOf(state);
  std::vector<NatAllocator::Request> requests;
  requests.reserve(kFlows);
  for (int i = 0; i < kFlows; ++i) {
    requests.push_back({.pool = "default",
                        .subscriber = {kVnet, Host(family, i % kHosts)},
                        .protocol = IPPROTO_UDP,
                        .inside_port = static_cast<uint16_t>(i / kHosts),
                        .remote = {Net(family).internet, kService}});
  }
  std::vector<Endpoint> outsides(kFlows);
  for (auto _ : state) {
    NatAllocator nat(BigEdge().pools, Clock::Real(), KernelRandom);
    const double begin = CpuSeconds();
    for (int i = 0; i < kFlows; ++i)
      outsides[i] = nat.Acquire(requests[i]).outside;
    Report(state, CpuSeconds() - begin);
    for (int i = 0; i < kFlows; ++i) nat.Release(requests[i], outsides[i]);
  }
}
BENCHMARK(TakePort)->Arg(4)->Arg(6)->Iterations(10)->UseManualTime();

}  // namespace
}  // namespace rampart

BENCHMARK_MAIN();
