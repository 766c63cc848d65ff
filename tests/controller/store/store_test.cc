// SPDX-License-Identifier: Apache-2.0
#include "controller/store/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

namespace rampart {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Prefix Cidr(std::string_view text) { return Prefix::Parse(text).value(); }
IpAddress Ip(std::string_view text) { return IpAddress::Parse(text).value(); }

Tenant TenantWithTunnels(std::string name,
                         const std::vector<std::string>& tunnels) {
  Tenant tenant{.name = std::move(name)};
  tenant.vnets = {{.name = "main", .vni = 1, .is_default = true}};
  for (const std::string& tunnel : tunnels) {
    tenant.tunnels.push_back(
        {.name = tunnel, .type = TunnelType::kGre, .vnet = "main"});
    tenant.tunnels.back().peers = {{.remote = Ip("192.0.2.1")}};
  }
  return tenant;
}

// Everything that resources can say, each value other than its default.
Resources Everything() {
  Tenant acme{.name = "acme", .line = 2};
  acme.vnets = {{.name = "frankfurt",
                 .vni = 4294967294,
                 .is_default = true,
                 .comment = "Zürich \"and\"\nmore",
                 .router = {Ip("10.1.255.1"), Ip("fd00::1")},
                 .line = 4},
                {.name = "sydney", .vni = 2, .line = 5}};
  Peer mac{.remote = Ip("2001:db8::10"),
           .auth = Auth::kMac,
           .accept_zero_checksum = true,
           .line = 8};
  mac.keys = {{.key_id = 255, .key_file = "/a"},
              {.key_id = 1, .key_file = "b"}};
  Peer cookie{.remote = Ip("192.0.2.1"), .auth = Auth::kCookie};
  cookie.keys = {{.key_file = "/c"}};
  const Peer variant1{
      .remote = Ip("192.0.2.2"), .auth = Auth::kNone, .variant = 1};
  const Peer gre_key{.remote = Ip("192.0.2.3"), .auth = Auth::kGreKey};
  Peer gre{.remote = Ip("192.0.2.4"), .checksum = true, .sequence = true};
  gre.gre_key = 0;
  const Peer plain{.remote = Ip("192.0.2.4")};
  acme.tunnels = {{.name = "g",
                   .type = TunnelType::kGue,
                   .vnet = "frankfurt",
                   .peers = {mac, cookie, variant1, gre_key},
                   .sources = {Cidr("0.0.0.0/0"), Cidr("2001:db8::/32")},
                   .line = 7},
                  {.name = "r",
                   .type = TunnelType::kGre,
                   .vnet = "sydney",
                   .peers = {gre, plain}},
                  {.name = "i",
                   .type = TunnelType::kInterface,
                   .vnet = "sydney",
                   .edge = "edge-a",
                   .device = "eth1"}};
  acme.routes = {{.vnet = "frankfurt",
                  .cidr = Cidr("10.0.0.0/8"),
                  .tunnel = "g",
                  .line = 12},
                 {.vnet = "sydney",
                  .cidr = Cidr("::/0"),
                  .kind = Route::Kind::kInternet,
                  .pool = "other"},
                 {.vnet = "sydney",
                  .cidr = Cidr("10.0.0.1/32"),
                  .kind = Route::Kind::kBlackhole}};
  PolicyMatch match{.vnet = "sydney", .tunnel = "g", .protocol = 17};
  match.sources = {Cidr("10.0.0.0/8")};
  match.destinations = {Cidr("::/0"), Cidr("192.0.2.0/24")};
  match.source_ports = {{0, 65535}};
  match.destination_ports = {{80, 80}, {8000, 8100}};
  match.source_groups = {"office", "vpn"};
  match.destination_groups = {"office"};
  match.identities = {"alice@example.com"};
  match.identity_groups = {"admins"};
  match.times = {{.days = 0x1f, .from = 480, .to = 1080},
                 {.days = 0x60},
                 {.from = 1320, .to = 360}};
  match.context = {{"site", "fra"}, {"line", "7"}};
  acme.denials = {.explain = true, .contact = "noc@example.com"};
  acme.groups = {{.name = "office",
                  .prefixes = {Cidr("10.1.0.0/16"), Cidr("fd00::/64")},
                  .line = 18},
                 {.name = "admins", .identities = {"alice", "bob"}}};
  acme.revoked = {"mallory"};
  acme.tunnels[0].identities = {{Cidr("10.0.0.1/32"), "alice"},
                                {Cidr("fd00::/64"), "bob"}};
  acme.tunnels[0].context = {{"site", "fra"}};
  acme.tests = {{.name = "t",
                 .vnet = "sydney",
                 .tunnel = "g",
                 .source = Ip("10.0.0.1"),
                 .destination = Ip("192.0.2.1"),
                 .protocol = 6,
                 .source_port = 1,
                 .destination_port = 80,
                 .identity = "alice",
                 .context = {{"site", "fra"}},
                 .time = absl::FromUnixSeconds(1700000000),
                 .expect = PolicyAction::kAllow,
                 .rule = "a",
                 .line = 30},
                {.name = "u",
                 .source = Ip("fd00::1"),
                 .destination = Ip("fd00::2"),
                 .protocol = 58,
                 .icmp_type = 129}};
  acme.policies = {
      {.name = "a",
       .match = match,
       .action = PolicyAction::kAllow,
       .layer = Layer::kUdp,
       .pool = "other",
       .limits = {.rate = 1,
                  .concurrent = 2,
                  .source_rate = 3,
                  .source_concurrent = 4},
       .log = true,
       .shadow = true,
       .line = 20},
      {.name = "d", .match = {.icmp_types = {0, 8, 3}}},
      {.name = "b", .match = {.protocol = 99}, .action = PolicyAction::kReject},
      {.name = "c"}};
  return {.file = "/etc/rampart/resources.yaml",
          .tenants = {acme, Tenant{.name = "zeta"}, Tenant{.name = "beta"}}};
}

class StoreTest : public testing::Test {
 protected:
  StoreTest()
      : folder_(std::filesystem::temp_directory_path() /
                ("rampart-store-" + std::to_string(getpid()))) {}
  ~StoreTest() override { std::filesystem::remove_all(folder_); }

  std::string path() const { return folder_ / "a" / "state.db"; }
  std::unique_ptr<StateStore> Open() {
    auto store = OpenStateStore("sqlite://" + path());
    EXPECT_TRUE(store.ok()) << store.status();
    return *std::move(store);
  }

  // Replaces what is in force, whatever that is.
  static absl::StatusOr<StoredResources> Put(StateStore& store,
                                             Resources resources,
                                             EpochNote note = {}) {
    const auto current = store.Load();
    if (!current.ok()) return current.status();
    note.from = current->epoch;
    return store.Replace(std::move(resources), note);
  }

  // Runs SQL over a connection of its own.
  void Sql(const std::string& sql) {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(path().c_str(), &database), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr),
              SQLITE_OK)
        << sqlite3_errmsg(database);
    sqlite3_close(database);
  }

  int Count(const std::string& table) {
    sqlite3* database = nullptr;
    EXPECT_EQ(sqlite3_open(path().c_str(), &database), SQLITE_OK);
    int count = -1;
    sqlite3_exec(
        database, ("SELECT count(*) FROM " + table).c_str(),
        [](void* out, int, char** values, char**) {
          *static_cast<int*>(out) = std::stoi(values[0]);
          return 0;
        },
        &count, nullptr);
    sqlite3_close(database);
    return count;
  }

  const std::filesystem::path folder_;
};

TEST_F(StoreTest, NewStoreIsEmptyAndHasAnIdOfItsOwn) {
  const auto store = Open();
  const auto loaded = store->Load();
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->epoch, 0u);
  EXPECT_TRUE(loaded->resources.tenants.empty());
  EXPECT_NE(store->store_id(), 0u);
  const auto other = OpenStateStore("sqlite://" + path() + ".2");
  ASSERT_TRUE(other.ok()) << other.status();
  EXPECT_NE((*other)->store_id(), store->store_id());
}

TEST_F(StoreTest, EverythingButSecretsComesBackAsItWas) {
  Resources resources = Everything();
  uint64_t id;
  Resources stored;
  {
    const auto store = Open();
    id = store->store_id();
    auto result = Put(*store, resources);
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->epoch, 1u);
    stored = result->resources;
  }
  const auto store = Open();
  EXPECT_EQ(store->store_id(), id);
  const auto loaded = store->Load();
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->epoch, 1u);
  EXPECT_EQ(loaded->resources.file, stored.file);
  EXPECT_EQ(loaded->resources.tenants, stored.tenants);
  // And it is what was given, but for the ids.
  for (Shared<Tenant>& shared : stored.tenants) {
    Tenant& tenant = shared.Edit();
    EXPECT_NE(tenant.id, 0u);
    tenant.id = 0;
    for (Tunnel& tunnel : tenant.tunnels) tunnel.id = 0;
  }
  EXPECT_EQ(stored.tenants, resources.tenants);
}

TEST_F(StoreTest, SecretsAreReturnedButNotStored) {
  Resources resources = Everything();
  resources.tenants[0].Edit().tunnels[0].peers[0].keys[0].secret = {
      'S', 'E', 'C', 'R', 'E', 'T', '!', '!'};
  const auto store = Open();
  const auto stored = Put(*store, resources);
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_EQ(stored->resources.tenants[0]->tunnels[0].peers[0].keys[0].secret,
            resources.tenants[0]->tunnels[0].peers[0].keys[0].secret);
  const auto loaded = store->Load();
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_TRUE(
      loaded->resources.tenants[0]->tunnels[0].peers[0].keys[0].secret.empty());
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(folder_)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    EXPECT_THAT(bytes, testing::Not(HasSubstr("SECRET!!"))) << entry.path();
  }
}

TEST_F(StoreTest, IdBelongsToOneNameForEver) {
  const auto store = Open();
  const auto apply = [&](std::vector<Shared<Tenant>> tenants) {
    auto stored = Put(*store, {.tenants = std::move(tenants)});
    EXPECT_TRUE(stored.ok()) << stored.status();
    return stored->resources.tenants;
  };
  const auto first = apply(
      {TenantWithTunnels("a", {"x", "y"}), TenantWithTunnels("b", {"x"})});
  EXPECT_EQ(first[0]->id, 1u);
  EXPECT_EQ(first[1]->id, 2u);
  EXPECT_EQ(first[0]->tunnels[0].id, 1u);
  EXPECT_EQ(first[0]->tunnels[1].id, 2u);
  EXPECT_EQ(first[1]->tunnels[0].id, 3u);
  // Another order and a newcomer: the old ones keep theirs.
  const auto second =
      apply({TenantWithTunnels("c", {"x"}), TenantWithTunnels("b", {"x"}),
             TenantWithTunnels("a", {"y", "x"})});
  EXPECT_EQ(second[0]->id, 3u);
  EXPECT_EQ(second[0]->tunnels[0].id, 4u);
  EXPECT_EQ(second[1]->id, 2u);
  EXPECT_EQ(second[1]->tunnels[0].id, 3u);
  EXPECT_EQ(second[2]->tunnels[0].id, 2u);
  EXPECT_EQ(second[2]->tunnels[1].id, 1u);
  // Gone and back again: the same ids, which nobody had meanwhile.
  EXPECT_EQ(apply({TenantWithTunnels("d", {"y"})})[0]->tunnels[0].id, 5u);
  const auto third = apply({TenantWithTunnels("a", {"x", "z"})});
  EXPECT_EQ(third[0]->id, 1u);
  EXPECT_EQ(third[0]->tunnels[0].id, 1u);
  EXPECT_EQ(third[0]->tunnels[1].id, 6u);
}

TEST_F(StoreTest, PreviewGivesWhatReplaceWouldAndStoresNothing) {
  const auto store = Open();
  ASSERT_TRUE(Put(*store, {.tenants = {TenantWithTunnels("a", {"x"})}}).ok());
  const Resources next = {.tenants = {TenantWithTunnels("b", {"x"}),
                                      TenantWithTunnels("a", {"z"})}};
  const auto preview = store->Preview(next);
  ASSERT_TRUE(preview.ok()) << preview.status();
  EXPECT_EQ(store->Load()->epoch, 1u);
  EXPECT_EQ(store->Load()->resources.tenants.size(), 1u);
  const auto stored = Put(*store, next);
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_EQ(preview->epoch, stored->epoch);
  EXPECT_EQ(preview->resources.tenants, stored->resources.tenants);
}

TEST_F(StoreTest, AnotherWritersOpenTransactionIsNeitherSeenNorBroken) {
  const auto store = Open();
  ASSERT_TRUE(Put(*store, Everything()).ok());
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(path().c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE; DELETE FROM tenants", nullptr,
                         nullptr, nullptr),
            SQLITE_OK);
  const auto replaced = store->Replace({}, {.from = 1});
  EXPECT_EQ(replaced.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(replaced.status().message()), HasSubstr("locked"));
  sqlite3_close(other);  // without COMMIT
  const auto loaded = store->Load();
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->resources.tenants.size(), 3u);
}

// A child replaces resources as fast as it can and is killed at any moment:
// what is left is one epoch, complete. Tenants are named after their epoch.
TEST_F(StoreTest, KilledWriterLeavesOneCompleteEpoch) {
  Open();  // what is killed is a change, not the making of the file
  uint32_t last = 0;
  for (int round = 0; round < 10; ++round) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      auto store = OpenStateStore("sqlite://" + path());
      if (!store.ok()) _exit(1);
      for (uint32_t epoch = (*store)->Load()->epoch + 1;; ++epoch) {
        const std::string name = "e" + std::to_string(epoch);
        Resources resources;
        for (int i = 0; i < 50; ++i)
          resources.tenants.push_back(
              TenantWithTunnels(name + "-" + std::to_string(i), {"x"}));
        if (!(*store)->Replace(resources, {.from = epoch - 1}).ok()) _exit(2);
      }
    }
    auto store = Open();
    const uint32_t wanted = last + 1 + round % 3;
    while (store->Load()->epoch < wanted)
      ASSERT_EQ(waitpid(child, nullptr, WNOHANG), 0);
    kill(child, SIGKILL);
    ASSERT_EQ(waitpid(child, nullptr, 0), child);
    store = Open();
    const auto loaded = store->Load();
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    last = loaded->epoch;
    ASSERT_EQ(loaded->resources.tenants.size(), 50u);
    for (const Tenant& tenant : loaded->resources.tenants)
      EXPECT_THAT(tenant.name,
                  testing::StartsWith("e" + std::to_string(last) + "-"));
  }
}

// Names of the tenants of an epoch, in their order.
std::vector<std::string> TenantsOf(
    const absl::StatusOr<StoredResources>& from) {
  EXPECT_TRUE(from.ok()) << from.status();
  std::vector<std::string> names;
  if (from.ok())
    for (const Tenant& tenant : from->resources.tenants)
      names.push_back(tenant.name);
  return names;
}

TEST_F(StoreTest, HistoryTellsWhoChangedWhat) {
  const auto store = Open();
  const Tenant a = TenantWithTunnels("a", {"x"});
  const Tenant b = TenantWithTunnels("b", {});
  ASSERT_TRUE(Put(*store, {.tenants = {a, b}},
                  {.time = absl::FromUnixSeconds(100),
                   .who = "root (uid 0)",
                   .what = "apply r.yaml",
                   .comment = "the first",
                   .on_change = OnChange::kCut})
                  .ok());
  ASSERT_TRUE(
      Put(*store, {.tenants = {a, TenantWithTunnels("b", {"y"})}}).ok());
  ASSERT_TRUE(Put(*store, {.tenants = {a}}).ok());
  const auto history = store->History(10);
  ASSERT_TRUE(history.ok()) << history.status();
  ASSERT_EQ(history->size(), 3u);
  const EpochRecord& first = history->back();
  EXPECT_EQ(first.epoch, 1u);
  EXPECT_EQ(first.time, absl::FromUnixSeconds(100));
  EXPECT_EQ(first.who, "root (uid 0)");
  EXPECT_EQ(first.what, "apply r.yaml");
  EXPECT_EQ(first.comment, "the first");
  EXPECT_EQ(first.on_change, OnChange::kCut);
  EXPECT_THAT(first.tenants, ElementsAre("a", "b"));
  EXPECT_THAT((*history)[1].tenants, ElementsAre("b"));
  EXPECT_THAT((*history)[0].tenants, ElementsAre("b"));
  EXPECT_EQ(store->History(1)->size(), 1u);
}

TEST_F(StoreTest, EveryEpochComesBackAsItWas) {
  std::vector<StoredResources> all;
  {
    const auto store = Open();
    const std::vector<std::vector<Tenant>> changes = {
        {TenantWithTunnels("a", {"x"}), TenantWithTunnels("b", {})},
        {TenantWithTunnels("b", {}), TenantWithTunnels("a", {"x"})},
        {TenantWithTunnels("b", {"y"})},
        {TenantWithTunnels("a", {"z"}), TenantWithTunnels("b", {"y"})},
        {}};
    for (const std::vector<Tenant>& tenants : changes) {
      Resources resources{.file = "r" + std::to_string(all.size())};
      for (const Tenant& tenant : tenants) resources.tenants.push_back(tenant);
      const auto stored = Put(*store, std::move(resources));
      ASSERT_TRUE(stored.ok()) << stored.status();
      all.push_back(*stored);
    }
  }
  const auto store = Open();
  for (const StoredResources& stored : all) {
    const auto old = store->LoadEpoch(stored.epoch);
    ASSERT_TRUE(old.ok()) << old.status();
    EXPECT_EQ(old->resources.tenants, stored.resources.tenants);
    EXPECT_EQ(old->resources.file, stored.resources.file);
  }
  EXPECT_TRUE(TenantsOf(store->LoadEpoch(0)).empty());
  const auto none = store->LoadEpoch(6);
  EXPECT_EQ(none.status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(std::string(none.status().message()),
            "epoch 6: is not in the history, which goes from 1 to 5");
}

TEST_F(StoreTest, AChangeOfOneTenantWritesOneAndSharesTheOthers) {
  const auto store = Open();
  Resources resources;
  for (int i = 0; i < 100; ++i)
    resources.tenants.push_back(
        TenantWithTunnels("t" + std::to_string(i), {"x"}));
  auto stored = Put(*store, resources);
  ASSERT_TRUE(stored.ok()) << stored.status();
  Resources next = stored->resources;
  next.tenants[7].Edit().vnets[0].comment = "changed";
  const auto second = store->Replace(next, {.from = 1});
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(Count("tenants"), 101);
  EXPECT_EQ(Count("orders"), 1);
  EXPECT_THAT(store->History(1)->front().tenants, ElementsAre("t7"));
  // What both epochs have is one object.
  const auto old = store->LoadEpoch(1);
  for (int i = 0; i < 100; ++i)
    EXPECT_EQ(old->resources.tenants[i].SameAs(second->resources.tenants[i]),
              i != 7)
        << i;
}

TEST_F(StoreTest, ATenantThatMovedInItsFileIsStoredButDidNotChange) {
  const auto store = Open();
  ASSERT_TRUE(Put(*store, Everything()).ok());
  Resources moved = Everything();
  moved.tenants[0].Edit().policies[0].line += 1;
  ASSERT_TRUE(Put(*store, moved).ok());
  EXPECT_TRUE(store->History(1)->front().tenants.empty());
  EXPECT_EQ(store->Load()->resources.tenants[0]->policies[0].line, 21);
}

TEST_F(StoreTest, AChangeMadeKnowingAnotherEpochIsRefused) {
  const auto store = Open();
  ASSERT_TRUE(Put(*store, Everything()).ok());
  for (const uint32_t from : {0u, 2u}) {
    const auto late = store->Replace({}, {.from = from});
    EXPECT_EQ(late.status().code(), absl::StatusCode::kAborted);
  }
  EXPECT_EQ(store->Load()->epoch, 1u);
  EXPECT_EQ(TenantsOf(store->Load()).size(), 3u);
}

TEST_F(StoreTest, ARefusedChangeGivesNoIds) {
  const auto store = Open();
  ASSERT_TRUE(Put(*store, Everything()).ok());
  Sql("INSERT INTO ids VALUES ('other', '', 4)");  // what "new" would get
  const auto refused = store->Replace(
      {.tenants = {TenantWithTunnels("new", {"x"})}}, {.from = 1});
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kDataLoss);
  Sql("DELETE FROM ids WHERE tenant = 'other'");
  const auto stored = store->Replace(
      {.tenants = {TenantWithTunnels("new", {"x"})}}, {.from = 1});
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_EQ(stored->resources.tenants[0]->id, 4u);
}

TEST_F(StoreTest, ProbationOutlivesTheProcessAndEndsWithTheNextChange) {
  const absl::Time deadline = absl::FromUnixSeconds(1000);
  {
    const auto store = Open();
    ASSERT_TRUE(Put(*store, Everything()).ok());
    EXPECT_FALSE(store->probation());
    ASSERT_TRUE(Put(*store, {}, {.confirm_by = deadline}).ok());
    ASSERT_TRUE(store->probation());
  }
  auto store = Open();
  ASSERT_TRUE(store->Load().ok());
  ASSERT_TRUE(store->probation());
  EXPECT_EQ(store->probation()->epoch, 2u);
  EXPECT_EQ(store->probation()->back_to, 1u);
  EXPECT_EQ(store->probation()->deadline, deadline);
  EXPECT_EQ(store->Confirm(1).code(), absl::StatusCode::kFailedPrecondition);
  ASSERT_TRUE(store->probation());
  EXPECT_TRUE(store->Confirm(2).ok());
  EXPECT_FALSE(store->probation());
  EXPECT_EQ(store->Confirm(2).code(), absl::StatusCode::kFailedPrecondition);
  ASSERT_TRUE(Put(*store, Everything(), {.confirm_by = deadline}).ok());
  ASSERT_TRUE(Put(*store, {}).ok());
  EXPECT_FALSE(store->probation());
  store = Open();
  ASSERT_TRUE(store->Load().ok());
  EXPECT_FALSE(store->probation());
}

TEST_F(StoreTest, HistoryIsBounded) {
  const auto store = Open();
  Resources resources = {.tenants = {TenantWithTunnels("a", {"x"}),
                                     TenantWithTunnels("b", {"x"})}};
  for (int i = 0; i < kEpochsKept + 5; ++i) {
    resources.tenants[0].Edit().vnets[0].comment = std::to_string(i);
    auto stored = store->Replace(resources, {.from = static_cast<uint32_t>(i)});
    ASSERT_TRUE(stored.ok()) << stored.status();
    resources = std::move(stored->resources);
  }
  EXPECT_EQ(Count("epochs"), kEpochsKept);
  EXPECT_EQ(Count("tenants"), kEpochsKept + 1);
  EXPECT_EQ(store->LoadEpoch(5).status().code(), absl::StatusCode::kNotFound);
  const auto oldest = store->LoadEpoch(6);
  ASSERT_TRUE(oldest.ok()) << oldest.status();
  EXPECT_EQ(oldest->resources.tenants[0]->vnets[0].comment, "5");
  EXPECT_THAT(TenantsOf(oldest), ElementsAre("a", "b"));
}

TEST_F(StoreTest, HistoryIsBoundedByItsSizeButForTheLastTwo) {
  const auto store = Open();
  for (const char* comment : {"1", "2", "3", "4"}) {
    Tenant tenant = TenantWithTunnels("a", {"x"});
    tenant.vnets[0].comment = comment;
    ASSERT_TRUE(Put(*store, {.tenants = {tenant}}).ok());
  }
  // As if what epoch 3 replaced were large.
  Sql("UPDATE epochs SET closed = " + std::to_string(kHistoryBytes + 1) +
      " WHERE epoch = 3");
  ASSERT_TRUE(Put(*store, {}).ok());
  EXPECT_EQ(store->LoadEpoch(2).status().code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(store->LoadEpoch(3).ok());
  Sql("UPDATE epochs SET closed = " + std::to_string(kHistoryBytes + 1));
  ASSERT_TRUE(Put(*store, Everything()).ok());
  EXPECT_EQ(Count("epochs"), 2);
  EXPECT_TRUE(store->LoadEpoch(5).ok());
}

TEST_F(StoreTest, AFileOfTheFirstVersionIsBroughtUpToDate) {
  std::filesystem::create_directories(folder_ / "a");
  Sql("CREATE TABLE state (one INTEGER PRIMARY KEY CHECK (one = 1),"
      " store_id INTEGER NOT NULL, epoch INTEGER NOT NULL,"
      " file TEXT NOT NULL) STRICT;"
      "CREATE TABLE tenants (position INTEGER PRIMARY KEY,"
      " document TEXT NOT NULL) STRICT;"
      "CREATE TABLE ids (tenant TEXT NOT NULL, tunnel TEXT NOT NULL,"
      " id INTEGER NOT NULL, PRIMARY KEY (tenant, tunnel)) STRICT;"
      "CREATE UNIQUE INDEX once ON ids (tunnel = '', id);"
      "PRAGMA application_id=0x52414d50; PRAGMA user_version=1;"
      "INSERT INTO state VALUES (1, 99, 7, 'r.yaml');"
      "INSERT INTO tenants VALUES (1, '{\"id\": 2, \"name\": \"b\"}'),"
      " (2, '{\"id\": 1, \"name\": \"a\"}');"
      "INSERT INTO ids VALUES ('a', '', 1), ('b', '', 2)");
  const auto store = Open();
  EXPECT_EQ(store->store_id(), 99u);
  const auto loaded = store->Load();
  EXPECT_THAT(TenantsOf(loaded), ElementsAre("b", "a"));
  EXPECT_EQ(loaded->epoch, 7u);
  EXPECT_EQ(loaded->resources.file, "r.yaml");
  EXPECT_EQ(loaded->resources.tenants[0]->id, 2u);
  ASSERT_TRUE(Put(*store, {}).ok());
  EXPECT_THAT(TenantsOf(store->LoadEpoch(7)), ElementsAre("b", "a"));
}

TEST_F(StoreTest, ReplaceIsDurableByTheSettingsOfItsConnection) {
  Open();
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(path().c_str(), &database), SQLITE_OK);
  std::string mode;
  sqlite3_exec(
      database, "PRAGMA journal_mode",
      [](void* out, int, char** values, char**) {
        *static_cast<std::string*>(out) = values[0];
        return 0;
      },
      &mode, nullptr);
  sqlite3_close(database);
  EXPECT_EQ(mode, "wal");
}

TEST_F(StoreTest, StoreOfAnotherSchemaIsRefused) {
  Open();
  Sql("PRAGMA user_version=7");
  const auto store = OpenStateStore("sqlite://" + path());
  EXPECT_EQ(store.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(std::string(store.status().message()),
            "state store " + path() +
                ": schema version 7, and this program needs 2; use the program "
                "that wrote it, or name another file");
}

TEST_F(StoreTest, AnotherProgramsDatabaseIsRefused) {
  std::filesystem::create_directories(folder_ / "a");
  Sql("CREATE TABLE t (x); PRAGMA user_version=1");
  const auto store = OpenStateStore("sqlite://" + path());
  EXPECT_EQ(store.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(store.status().message()),
              HasSubstr("another program's database"));
}

TEST_F(StoreTest, FileThatIsNoDatabaseIsRefused) {
  std::filesystem::create_directories(folder_ / "a");
  std::ofstream(path()) << std::string(10000, 'x');
  const auto store = OpenStateStore("sqlite://" + path());
  EXPECT_EQ(store.status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(StoreTest, DamagedTenantIsAnErrorAndNotAnAbsence) {
  const auto store = Open();
  ASSERT_TRUE(Put(*store, Everything()).ok());
  for (const char* document : {"{", "[]", "null", "{\"name\": 1, \"x\": 2}"}) {
    Sql(std::string("UPDATE tenants SET document='") + document +
        "' WHERE name='zeta'");
    EXPECT_EQ(store->Load().status().code(), absl::StatusCode::kDataLoss)
        << document;
  }
}

TEST_F(StoreTest, UrlsOfOtherKindsAreRefused) {
  for (const char* url : {"", "sqlite://", "etcd://host:2379", "/state.db"})
    EXPECT_EQ(OpenStateStore(url).status().code(),
              absl::StatusCode::kInvalidArgument)
        << url;
}

TEST_F(StoreTest, FolderThatCannotBeMadeIsNamed) {
  const auto store = OpenStateStore("sqlite:///proc/none/state.db");
  EXPECT_EQ(store.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(store.status().message()),
              HasSubstr("/proc/none/state.db"));
}

}  // namespace
}  // namespace rampart
