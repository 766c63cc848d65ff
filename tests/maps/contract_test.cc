// SPDX-License-Identifier: Apache-2.0
// The contract between data plane and controller: names and numbers are unique,
// and both sides lay out every struct alike.
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "maps/config.h"
#include "maps/flow.h"
#include "maps/next_hop.h"
#include "maps/outcomes.h"
#include "maps/punt.h"
#include "maps/ramp.h"
#include "maps/watch.h"
#include "rampart.skel.h"

namespace rampart {
namespace {

constexpr size_t kKernelNameLength = 15;  // BPF_OBJ_NAME_LEN - 1
constexpr uint32_t kFirstDropReason = 16;

struct Reason {
  std::string symbol;
  uint32_t value;
  std::string id;
  std::string help;
};

const std::vector<Reason>& Reasons() {
  static const auto* const reasons = new std::vector<Reason>{
#define X(symbol, value, id, help) {#symbol, value, id, help},
      RP_DROP_REASONS(X)
#undef X
  };
  return *reasons;
}

const std::vector<Reason>& Losses() {
  static const auto* const losses = new std::vector<Reason>{
#define X(symbol, value, id, help) {#symbol, value, id, help},
      RP_KERNEL_LOSSES(X)
#undef X
  };
  return *losses;
}

TEST(OutcomesTest, EveryDropReasonHasItsOwnNumberIdAndHelp) {
  std::set<std::string> ids, helps;
  std::set<uint32_t> values;
  for (const Reason& reason : Reasons()) {
    EXPECT_TRUE(values.insert(reason.value).second) << reason.symbol;
    EXPECT_TRUE(ids.insert(reason.id).second) << reason.symbol;
    EXPECT_TRUE(helps.insert(reason.help).second) << reason.symbol;
    EXPECT_GE(reason.value, kFirstDropReason) << reason.symbol;
    EXPECT_LT(reason.value, uint32_t{RP_OUTCOME_COUNT}) << reason.symbol;
  }
}

TEST(OutcomesTest, IdsNameTheirAreaAndCountUpInIt) {
  std::set<std::string> seen;
  std::vector<Reason> all = Reasons();
  all.insert(all.end(), Losses().begin(), Losses().end());
  for (const Reason& reason : all) {
    ASSERT_EQ(reason.id.size(), std::string("RP-XXX-000").size());
    EXPECT_EQ(reason.id.substr(0, 3), "RP-");
    const int number = std::stoi(reason.id.substr(7));
    const std::string digits = std::to_string(1000 + number - 1).substr(1);
    EXPECT_TRUE(number == 1 || seen.count(reason.id.substr(0, 7) + digits))
        << reason.id << " follows no " << digits;
    seen.insert(reason.id);
  }
}

TEST(OutcomesTest, LossesHaveIdsOfTheirOwn) {
  std::set<std::string> ids, helps;
  for (const Reason& reason : Reasons()) ids.insert(reason.id);
  uint32_t value = 0;
  for (const Reason& loss : Losses()) {
    EXPECT_TRUE(ids.insert(loss.id).second) << loss.symbol;
    EXPECT_TRUE(helps.insert(loss.help).second) << loss.symbol;
    EXPECT_EQ(loss.value, value++) << loss.symbol;
  }
  EXPECT_LE(value, uint32_t{RP_LOSS_COUNT});
}

TEST(OutcomesTest, OutcomesThatAreNoDropsComeFirst) {
#define X(symbol, value, help) EXPECT_LT(uint32_t{value}, kFirstDropReason);
  RP_OUTCOMES(X)
#undef X
  EXPECT_EQ(RP_OUTCOME_COUNT % 8, 0);
}

class ObjectTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_NE(skeleton_, nullptr); }
  ~ObjectTest() override { rampart_bpf__destroy(skeleton_); }

  rampart_bpf* const skeleton_ = rampart_bpf__open();
};

TEST_F(ObjectTest, NamesOfMapsAndProgramsAreNotCutByTheKernel) {
  std::set<std::string> names;
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, skeleton_->obj) {
    if (bpf_map__is_internal(map)) continue;
    const std::string name = bpf_map__name(map);
    EXPECT_EQ(name.substr(0, 3), "rp_");
    EXPECT_LE(name.size(), kKernelNameLength) << name;
    EXPECT_TRUE(names.insert(name).second) << name;
  }
  EXPECT_GE(names.size(), 15u);
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, skeleton_->obj) {
    const std::string name = bpf_program__name(program);
    EXPECT_EQ(name.substr(0, 3), "rp_");
    EXPECT_LE(name.size(), kKernelNameLength) << name;
  }
}

TEST_F(ObjectTest, KeysAndValuesHaveTheSizesOfTheContract) {
  const std::pair<const bpf_map*, std::pair<size_t, size_t>> maps[] = {
      {skeleton_->maps.rp_config, {4, sizeof(rp_config)}},
      {skeleton_->maps.rp_flows4, {4, sizeof(rp_flow4)}},
      {skeleton_->maps.rp_flows6, {4, sizeof(rp_flow6)}},
      {skeleton_->maps.rp_flow_tags4, {4, sizeof(rp_bucket)}},
      {skeleton_->maps.rp_flow_tags6, {4, sizeof(rp_bucket)}},
      {skeleton_->maps.rp_flow_notes4, {4, sizeof(rp_flow_note)}},
      {skeleton_->maps.rp_flow_notes6, {4, sizeof(rp_flow_note)}},
      {skeleton_->maps.rp_next_hops, {4, sizeof(rp_next_hop)}},
      {skeleton_->maps.rp_peers4, {sizeof(rp_peer4_key), sizeof(rp_peer)}},
      {skeleton_->maps.rp_peers6, {sizeof(rp_peer6_key), sizeof(rp_peer)}},
      {skeleton_->maps.rp_grants, {sizeof(rp_grant_key), sizeof(rp_grant)}},
      {skeleton_->maps.rp_tenants, {4, sizeof(rp_tenant)}},
      {skeleton_->maps.rp_addresses, {sizeof(rp_address_key), 4}},
      {skeleton_->maps.rp_prefixes, {sizeof(rp_prefix_key), 4}},
      {skeleton_->maps.rp_nat_open,
       {sizeof(rp_nat_open_key), sizeof(rp_nat_open)}},
      {skeleton_->maps.rp_ip_ids, {4, 8}},
      {skeleton_->maps.rp_locals, {sizeof(rp_local_key), 4}},
      {skeleton_->maps.rp_devices, {4, sizeof(rp_device)}},
      {skeleton_->maps.rp_outcomes, {4, sizeof(rp_counter)}},
      {skeleton_->maps.rp_tallies, {4, sizeof(rp_tally)}},
      {skeleton_->maps.rp_tenant_drops,
       {sizeof(rp_tenant_drop_key), sizeof(rp_counter)}},
      {skeleton_->maps.rp_drop_samples, {4, sizeof(rp_drop_ring)}},
      {skeleton_->maps.rp_watching, {4, sizeof(rp_watching)}},
      {skeleton_->maps.rp_watches, {4, sizeof(rp_watch)}},
      {skeleton_->maps.rp_slow_drops, {4, sizeof(rp_counter)}},
      {skeleton_->maps.rp_slow_tenants,
       {sizeof(rp_tenant_drop_key), sizeof(rp_counter)}},
      {skeleton_->maps.rp_slow_samples, {4, sizeof(rp_drop_ring)}}};
  for (const auto& [map, sizes] : maps) {
    EXPECT_EQ(bpf_map__key_size(map), sizes.first) << bpf_map__name(map);
    EXPECT_EQ(bpf_map__value_size(map), sizes.second) << bpf_map__name(map);
  }
}

TEST_F(ObjectTest, CountersOfAllSlotsHaveRoom) {
  EXPECT_EQ(bpf_map__max_entries(skeleton_->maps.rp_outcomes),
            uint32_t{RP_DEVICE_MAX} * RP_OUTCOME_COUNT);
  EXPECT_EQ(bpf_map__max_entries(skeleton_->maps.rp_xsks),
            uint32_t{RP_DEVICE_MAX} * RP_QUEUE_MAX);
}

// What the BPF compiler laid out, by its type information.
struct Member {
  const char* type;
  const char* name;
  size_t offset;
};

#define MEMBER(type, name) \
  { #type, #name, offsetof(type, name) }

const Member kMembers[] = {
    MEMBER(rp_config, gue_port),
    MEMBER(rp_config, unix_offset),
    MEMBER(rp_config, punts_per_tick),
    MEMBER(rp_config, timeouts),
    MEMBER(rp_config, flow_hash),
    MEMBER(rp_flow_hash, buckets),
    MEMBER(rp_flow, count),
    MEMBER(rp_flow, carried),
    MEMBER(rp_flow, ack),
    MEMBER(rp_flow, last_seen),
    MEMBER(rp_flow, next_hop),
    MEMBER(rp_flow, on_ramp),
    MEMBER(rp_flow, reverse_realm),
    MEMBER(rp_flow, marks),
    MEMBER(rp_flow, proto),
    MEMBER(rp_flow, tcp),
    MEMBER(rp_flow4, saddr),
    MEMBER(rp_flow4, sport),
    MEMBER(rp_flow4, from_saddr),
    MEMBER(rp_flow, l4_delta),
    MEMBER(rp_flow6, daddr),
    MEMBER(rp_flow6, from_daddr),
    MEMBER(rp_flow4_key, proto),
    MEMBER(rp_flow6_key, proto),
    MEMBER(rp_next_hop, mtu),
    MEMBER(rp_next_hop, slot),
    MEMBER(rp_next_hop, header),
    MEMBER(rp_next_hop, k0),
    MEMBER(rp_next_hop, macs),
    MEMBER(rp_peer, keys),
    MEMBER(rp_peer, profile),
    MEMBER(rp_peer_key, id),
    MEMBER(rp_peer4_key, kind),
    MEMBER(rp_peer6_key, kind),
    MEMBER(rp_device, role),
    MEMBER(rp_device, mac),
    MEMBER(rp_punt, length),
    MEMBER(rp_punt, tenant),
    MEMBER(rp_inject, source),
    MEMBER(rp_inject, ethertype),
};

TEST_F(ObjectTest, MembersLieWhereTheCompilerOfTheControllerPutsThem) {
  const btf* types = bpf_object__btf(skeleton_->obj);
  ASSERT_NE(types, nullptr);
  for (const Member& member : kMembers) {
    const int id = btf__find_by_name_kind(types, member.type, BTF_KIND_STRUCT);
    if (id < 0) continue;  // not used by the programs
    const btf_type* type = btf__type_by_id(types, static_cast<uint32_t>(id));
    bool found = false;
    for (uint32_t i = 0; i < btf_vlen(type); ++i) {
      const char* name =
          btf__name_by_offset(types, btf_members(type)[i].name_off);
      if (std::string(name) != member.name) continue;
      found = true;
      EXPECT_EQ(btf_member_bit_offset(type, i), member.offset * 8)
          << member.type << "." << member.name;
    }
    EXPECT_TRUE(found) << member.type << "." << member.name;
  }
}

}  // namespace
}  // namespace rampart
