// SPDX-License-Identifier: Apache-2.0
// The fleet's store against a real etcd: two edges, one of them dies, etcd
// dies, forgets, and comes back.
#include "controller/store/etcd/etcd_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "absl/time/clock.h"
#include "controller/store/etcd/epochs.h"
#include "tests/testing/etcd_server.h"

namespace rampart {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr absl::Duration kSoon = absl::Seconds(30);

Tenant TenantWith(std::string name, std::vector<std::string> tunnels,
                  size_t comment = 0) {
  Tenant tenant = {.name = std::move(name)};
  tenant.vnets = {{.name = "main",
                   .vni = 7,
                   .is_default = true,
                   .comment = std::string(comment, 'c')}};
  for (std::string& tunnel : tunnels)
    tenant.tunnels.push_back(
        {.name = std::move(tunnel),
         .type = TunnelType::kGre,
         .vnet = "main",
         .peers = {{.remote = *IpAddress::Parse("2001:db8::1")}}});
  return tenant;
}

std::string Message(const absl::Status& status) {
  return std::string(status.message());
}

class EtcdStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!EtcdServer::IsInstalled()) GTEST_SKIP() << "no etcd-server here";
    server_.Start();
  }

  EtcdStoreOptions Options(const std::string& edge) const {
    return {.url = "etcd://" + server_.endpoint() + "/f",
            .etcd = {.endpoints = {server_.endpoint()},
                     .timeout = absl::Seconds(5)},
            .prefix = "/f",
            .copy = server_.folder() / (edge + ".db"),
            .edge = edge,
            .api = edge + ":9443",
            .version = "1",
            .poll = absl::Milliseconds(200)};
  }
  std::unique_ptr<FleetStore> Open(const std::string& edge) const {
    auto store = OpenEtcdStore(Options(edge));
    EXPECT_TRUE(store.ok()) << store.status();
    return *std::move(store);
  }
  static absl::StatusOr<StoredResources> Put(StateStore& store,
                                             std::vector<Tenant> tenants,
                                             EpochNote note = {}) {
    Resources resources = {.file = "r.yaml"};
    for (Tenant& tenant : tenants)
      resources.tenants.emplace_back(std::move(tenant));
    if (note.from == 0) note.from = store.Load()->epoch;
    return store.Replace(std::move(resources), note);
  }

  // Polls the descriptor as a loop does.
  template <typename Condition>
  static bool WaitFor(const FleetStore& store, Condition condition) {
    const absl::Time deadline = absl::Now() + kSoon;
    while (!condition()) {
      if (absl::Now() > deadline) return false;
      pollfd event = {.fd = store.fd(), .events = POLLIN};
      poll(&event, 1, 20);
    }
    return true;
  }
  static StoredResources TakeNext(FleetStore& store) {
    std::optional<StoredResources> taken;
    EXPECT_TRUE(WaitFor(store, [&] {
      taken = store.Take();
      return taken.has_value();
    }));
    return taken.value_or(StoredResources());
  }
  static bool WaitReached(FleetStore& store, bool reached) {
    const bool waited = WaitFor(store, [&] {
      store.Take();
      return store.health().reached.ok() == reached;
    });
    EXPECT_TRUE(waited) << store.health().reached;
    return waited;
  }

  EtcdServer server_;
};

TEST_F(EtcdStoreTest, ANewFleetHasOneIdAndNoTenants) {
  const auto a = Open("a");
  const auto b = Open("b");
  EXPECT_NE(a->store_id(), 0u);
  EXPECT_EQ(a->store_id(), b->store_id());
  EXPECT_EQ(a->Load()->epoch, 0u);
  EXPECT_THAT(a->Load()->resources.tenants, IsEmpty());
  EXPECT_EQ(a->Take(), std::nullopt);
}

TEST_F(EtcdStoreTest, AChangeOfOneEdgeIsSoonAnEpochOfTheOther) {
  const auto a = Open("a");
  const auto b = Open("b");
  const auto stored =
      Put(*a, {TenantWith("acme", {"x", "y"})}, {.on_change = OnChange::kCut});
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_EQ(stored->epoch, 1u);
  const absl::Time before = absl::Now();
  const StoredResources taken = TakeNext(*b);
  EXPECT_LT(absl::Now() - before, absl::Seconds(2));
  EXPECT_EQ(taken.epoch, 1u);
  EXPECT_EQ(taken.on_change, OnChange::kCut);
  EXPECT_EQ(taken.resources.file, "r.yaml");
  EXPECT_EQ(taken.resources.tenants, stored->resources.tenants);
  EXPECT_EQ(taken.resources.tenants[0]->tunnels[1].id, 2u);
  EXPECT_EQ(b->Take(), std::nullopt);
  EXPECT_EQ(a->Take(), std::nullopt);  // its own
}

TEST_F(EtcdStoreTest, AnIdBelongsToOneNameOnAllEdgesForEver) {
  const auto a = Open("a");
  const auto b = Open("b");
  ASSERT_TRUE(Put(*a, {TenantWith("a", {"x", "y"})}).ok());
  TakeNext(*b);
  ASSERT_TRUE(Put(*b, {TenantWith("b", {"x"})}).ok());  // a is gone
  TakeNext(*a);
  const auto third = Put(*a, {TenantWith("c", {"x"}), TenantWith("a", {"y"})});
  ASSERT_TRUE(third.ok()) << third.status();
  EXPECT_EQ(third->resources.tenants[0]->id, 3u);
  EXPECT_EQ(third->resources.tenants[0]->tunnels[0].id, 4u);
  EXPECT_EQ(third->resources.tenants[1]->id, 1u);
  EXPECT_EQ(third->resources.tenants[1]->tunnels[0].id, 2u);
  // Also for an edge that comes later.
  const auto c = Open("c");
  const auto fourth = Put(*c, {TenantWith("b", {"x", "z"})});
  ASSERT_TRUE(fourth.ok()) << fourth.status();
  EXPECT_EQ(fourth->resources.tenants[0]->tunnels[0].id, 3u);
  EXPECT_EQ(fourth->resources.tenants[0]->tunnels[1].id, 5u);
}

TEST_F(EtcdStoreTest, WhoKnowsAnOldEpochIsTurnedAway) {
  const auto a = Open("a");
  const auto b = Open("b");
  ASSERT_TRUE(
      Put(*a, {TenantWith("a", {})}, {.who = "alice", .what = "tenant add a"})
          .ok());
  const auto late = b->Replace({}, {.from = 0});
  EXPECT_EQ(late.status().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(Message(late.status()),
            "state in etcd: edge a has put epoch 1 in force meanwhile (alice: "
            "tenant add a); look at it, then try again");
  EXPECT_EQ(b->Replace({}, {.from = 7}).status().code(),
            absl::StatusCode::kAborted);
  EXPECT_EQ(TakeNext(*b).epoch, 1u);
  EXPECT_TRUE(b->Replace({}, {.from = 1}).ok());
}

TEST_F(EtcdStoreTest, UnchangedTenantsStayTheSameObject) {
  const auto a = Open("a");
  const auto b = Open("b");
  ASSERT_TRUE(Put(*a, {TenantWith("a", {"x"}), TenantWith("b", {"x"})}).ok());
  const StoredResources first = TakeNext(*b);
  StoredResources next = *a->Load();
  next.resources.tenants[1].Edit().tunnels.clear();
  ASSERT_TRUE(a->Replace(next.resources, {.from = 1}).ok());
  const StoredResources second = TakeNext(*b);
  EXPECT_TRUE(second.resources.tenants[0].SameAs(first.resources.tenants[0]));
  EXPECT_TRUE(second.resources.tenants[1]->tunnels.empty());
  EXPECT_THAT(a->History(1)->at(0).tenants, ElementsAre("b"));
}

// Larger than any transaction of etcd; tenants are named after their epoch.
TEST_F(EtcdStoreTest, TwoWritersMakeNoHalfEpoch) {
  constexpr size_t kTenants = 150;
  const auto write = [&](const std::string& edge) {
    const auto store = Open(edge);
    for (int done = 0; done < 4;) {
      store->Take();
      const uint32_t from = store->Load()->epoch;
      Resources resources;
      for (size_t i = 0; i < kTenants; ++i)
        resources.tenants.emplace_back(
            TenantWith("e" + std::to_string(from + 1) + "-" + std::to_string(i),
                       {"x"}, i == 0 ? 700000 : 10000));
      const auto stored = store->Replace(resources, {.from = from});
      if (stored.ok()) ++done;
      EXPECT_TRUE(stored.ok() || absl::IsAborted(stored.status()))
          << stored.status();
    }
  };
  const auto reader = Open("r");
  std::thread first(write, "a");
  std::thread second(write, "b");
  uint32_t epoch = 0;
  while (epoch < 8) {
    const StoredResources taken = TakeNext(*reader);
    ASSERT_GT(taken.epoch, epoch);
    epoch = taken.epoch;
    ASSERT_EQ(taken.resources.tenants.size(), kTenants);
    const std::string prefix = "e" + std::to_string(epoch) + "-";
    for (const Tenant& tenant : taken.resources.tenants)
      EXPECT_THAT(tenant.name, testing::StartsWith(prefix));
  }
  first.join();
  second.join();
  EXPECT_EQ(epoch, 8u);
}

TEST_F(EtcdStoreTest, HistoryTellsWhoDidWhatAndGivesItBack) {
  const auto a = Open("a");
  ASSERT_TRUE(Put(*a, {TenantWith("a", {"x"})},
                  {.time = absl::FromUnixSeconds(1000),
                   .who = "alice",
                   .what = "apply",
                   .comment = "first"})
                  .ok());
  ASSERT_TRUE(Put(*a, {TenantWith("b", {})}, {.who = "bob"}).ok());
  const auto history = a->History(10);
  ASSERT_TRUE(history.ok()) << history.status();
  ASSERT_EQ(history->size(), 2u);
  EXPECT_EQ((*history)[0].who, "bob");
  EXPECT_THAT((*history)[0].tenants, ElementsAre("a", "b"));
  EXPECT_EQ((*history)[1].epoch, 1u);
  EXPECT_EQ((*history)[1].time, absl::FromUnixSeconds(1000));
  EXPECT_EQ((*history)[1].comment, "first");
  EXPECT_EQ(a->History(1)->size(), 1u);
  const auto old = a->LoadEpoch(1);
  ASSERT_TRUE(old.ok()) << old.status();
  ASSERT_EQ(old->resources.tenants.size(), 1u);
  EXPECT_EQ(old->resources.tenants[0]->tunnels[0].name, "x");
  EXPECT_EQ(old->resources.tenants[0]->tunnels[0].id, 1u);
  EXPECT_TRUE(a->LoadEpoch(0)->resources.tenants.empty());
  EXPECT_EQ(Message(a->LoadEpoch(9).status()),
            "epoch 9: is not in the history; the oldest that is kept is 1");
}

TEST_F(EtcdStoreTest, ProbationIsTheFleetsAndAnyEdgeMayEndIt) {
  const auto a = Open("a");
  const auto b = Open("b");
  const absl::Time deadline = absl::FromUnixSeconds(2000000000);
  ASSERT_TRUE(Put(*a, {TenantWith("a", {})}, {.confirm_by = deadline}).ok());
  TakeNext(*b);
  ASSERT_TRUE(b->probation().has_value());
  EXPECT_EQ(b->probation()->deadline, deadline);
  EXPECT_EQ(b->probation()->back_to, 0u);
  EXPECT_EQ(b->Confirm(7).code(), absl::StatusCode::kFailedPrecondition);
  const absl::Status confirmed = b->Confirm(1);
  ASSERT_TRUE(confirmed.ok()) << confirmed;
  EXPECT_FALSE(b->probation().has_value());
  EXPECT_TRUE(WaitFor(*a, [&] {
    a->Take();
    return !a->probation().has_value();
  }));
  EXPECT_EQ(a->Load()->epoch, 1u);
  ASSERT_TRUE(Put(*a, {}).ok());
}

TEST_F(EtcdStoreTest, WithoutEtcdAnEdgeKnowsItsStateAndRefusesChanges) {
  auto a = Open("a");
  ASSERT_TRUE(Put(*a, {TenantWith("acme", {"x"})}).ok());
  ASSERT_TRUE(WaitFor(*a, [&] {  // the copy is written
    return ReadStateFile(Options("a").copy).value_or(StoredResources()).epoch ==
           1;
  }));
  const uint64_t id = a->store_id();
  server_.Kill();
  ASSERT_TRUE(WaitReached(*a, false));
  EXPECT_LE(a->health().as_of, absl::Now());
  const absl::Time before = absl::Now();
  const auto refused = Put(*a, {});
  EXPECT_LT(absl::Now() - before, absl::Seconds(1));
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(Message(refused.status()),
              testing::AllOf(HasSubstr("state store etcd://127.0.0.1:"),
                             HasSubstr("nothing was changed, the edge goes on "
                                       "with epoch 1"),
                             testing::Not(HasSubstr("\n"))));
  EXPECT_EQ(a->Preview({})->epoch, 2u);
  // A restart meanwhile.
  a.reset();
  a = Open("a");
  EXPECT_EQ(a->store_id(), id);
  EXPECT_FALSE(a->health().reached.ok());
  const auto loaded = a->Load();
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->epoch, 1u);
  EXPECT_EQ(loaded->resources.tenants[0]->tunnels[0].id, 1u);
  // And back.
  server_.Start();
  ASSERT_TRUE(WaitReached(*a, true));
  const auto stored = Put(*a, {TenantWith("acme", {"y"})});
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_EQ(stored->resources.tenants[0]->tunnels[0].id, 2u);
}

TEST_F(EtcdStoreTest, WithNeitherEtcdNorCopyThereIsNoStart) {
  server_.Kill();
  const auto store = OpenEtcdStore(Options("a"));
  EXPECT_EQ(store.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(Message(store.status()), HasSubstr("a.db is empty"));
}

TEST_F(EtcdStoreTest, ASilentEtcdIsNoticedAndDoesNotHoldTheEdgeForLong) {
  const auto a = Open("a");
  server_.Freeze();
  const absl::Time before = absl::Now();
  EXPECT_FALSE(Put(*a, {}).ok());
  EXPECT_LT(absl::Now() - before, absl::Seconds(20));
  ASSERT_TRUE(WaitReached(*a, false));
  server_.Thaw();
  ASSERT_TRUE(WaitReached(*a, true));
  // What became of that change is known now: all of it, or nothing.
  EXPECT_LE(a->Load()->epoch, 1u);
}

TEST_F(EtcdStoreTest, AnEdgeThatWasAwayCatchesUpAlsoOverACompaction) {
  const auto a = Open("a");
  auto b = Open("b");
  ASSERT_TRUE(Put(*a, {TenantWith("t1", {})}).ok());
  EXPECT_EQ(TakeNext(*b).epoch, 1u);
  b.reset();
  for (int i = 2; i <= 5; ++i)
    ASSERT_TRUE(Put(*a, {TenantWith("t" + std::to_string(i), {})},
                    {.on_change = i == 3 ? OnChange::kCut : OnChange::kKeep})
                    .ok());
  EtcdClient client({.endpoints = {server_.endpoint()}});
  const int64_t head = (*client.Get("/f/head"))->revision;
  server_.Ctl("compact --physical " + std::to_string(head));
  b = Open("b");
  EXPECT_EQ(b->Load()->epoch, 5u);
  EXPECT_EQ(b->Load()->resources.tenants[0]->name, "t5");
  // A watch of what was compacted says so.
  const auto watch = client.WatchKey("/f/head", 1);
  EXPECT_EQ(watch->Wait(absl::Now() + kSoon).status().code(),
            absl::StatusCode::kOutOfRange);
}

TEST_F(EtcdStoreTest, OfEpochsPassedOverTheStrictestAskCounts) {
  const auto a = Open("a");
  const auto b = Open("b");
  for (int i = 1; i <= 5; ++i)
    ASSERT_TRUE(Put(*a, {TenantWith("t" + std::to_string(i), {})},
                    {.on_change = i == 3 ? OnChange::kCut : OnChange::kKeep})
                    .ok());
  ASSERT_TRUE(WaitFor(*b, [&] {
    return ReadStateFile(Options("b").copy).value_or(StoredResources()).epoch ==
           5;
  }));
  const auto taken = b->Take();
  ASSERT_TRUE(taken.has_value());
  EXPECT_EQ(taken->epoch, 5u);
  EXPECT_EQ(taken->on_change, OnChange::kCut);
}

TEST_F(EtcdStoreTest, AnotherFleetsEtcdIsNotFollowed) {
  auto a = Open("a");
  ASSERT_TRUE(Put(*a, {TenantWith("t", {})}).ok());
  server_.Kill();
  server_.Erase();
  server_.Start();
  Open("b");  // begins a new one
  ASSERT_TRUE(WaitFor(*a, [&] {
    return Message(a->health().reached).find("another fleet") !=
           std::string::npos;
  }));
  EXPECT_EQ(a->Load()->epoch, 1u);
  a.reset();
  EXPECT_THAT(Message(OpenEtcdStore(Options("a")).status()),
              HasSubstr("is not the one that the local copy"));
}

TEST_F(EtcdStoreTest, EdgesAreListedWhileTheyLive) {
  const auto a = Open("a");
  auto b = Open("b");
  a->InForce(7);
  const auto edges = [&] {
    std::vector<std::string> rows;
    const auto listed = a->Edges();
    EXPECT_TRUE(listed.ok()) << listed.status();
    for (const FleetEdge& edge : *listed)
      rows.push_back(edge.name + " " + edge.api + " " +
                     std::to_string(edge.epoch));
    return rows;
  };
  EXPECT_TRUE(WaitFor(*a, [&] {
    return edges() == std::vector<std::string>{"a a:9443 7", "b b:9443 0"};
  }));
  b.reset();
  EXPECT_THAT(edges(), ElementsAre("a a:9443 7"));
}

TEST_F(EtcdStoreTest, ASweepLeavesWhatIsNeeded) {
  const auto a = Open("a");
  for (int i = 1; i <= 3; ++i)
    ASSERT_TRUE(Put(*a, {TenantWith("t" + std::to_string(i), {})}).ok());
  EtcdClient client({.endpoints = {server_.endpoint()}});
  EtcdEpochs epochs(client, {"/f"}, "s");
  const auto keys = [&] {
    return client.List("/f/objects/", {.keys_only = true})->size();
  };
  EXPECT_EQ(keys(), 5u);  // three, and that two are gone
  ASSERT_TRUE(client.Commit({.puts = {{"/f/objects/left/0000", "x"}}}).ok());
  server_.Ctl("del /f/epochs/0000000001");
  const absl::Status swept = epochs.Sweep();
  ASSERT_TRUE(swept.ok()) << swept;
  EXPECT_EQ(keys(), 4u);
  EXPECT_TRUE(a->LoadEpoch(2).ok());
  const auto b = Open("b");
  EXPECT_EQ(b->Load()->resources.tenants[0]->name, "t3");
}

TEST_F(EtcdStoreTest, DamageIsAnErrorAndNotAnAbsence) {
  const auto a = Open("a");
  ASSERT_TRUE(Put(*a, {TenantWith("t", {})}).ok());
  server_.Ctl("del --prefix /f/objects/");
  const auto b = OpenEtcdStore(Options("b"));
  EXPECT_EQ(b.status().code(), absl::StatusCode::kDataLoss);
  server_.Ctl("put /f/head garbage");
  ASSERT_TRUE(WaitReached(*a, false));
  EXPECT_THAT(Message(a->health().reached), HasSubstr("is damaged"));
  EXPECT_EQ(a->Load()->epoch, 1u);
}

TEST_F(EtcdStoreTest, AStoreOfItsOwnIsNotTakenForACopy) {
  const auto file = OpenStateStore("sqlite://" + Options("a").copy);
  ASSERT_TRUE((*file)->Load().ok());
  ASSERT_TRUE((*file)->Replace({}, {}).ok());
  EXPECT_THAT(Message(OpenEtcdStore(Options("a")).status()),
              HasSubstr("is a state store of its own"));
}

TEST_F(EtcdStoreTest, UserAndPasswordAreNeededIfEtcdAsks) {
  server_.Ctl("user add root:secret");
  server_.Ctl("role add fleet");
  server_.Ctl("role grant-permission fleet readwrite --prefix /f/");
  server_.Ctl("user add edge:word");
  server_.Ctl("user grant-role edge fleet");
  server_.Ctl("user grant-role root root || true");
  server_.Ctl("auth enable");
  EtcdStoreOptions options = Options("a");
  EXPECT_FALSE(OpenEtcdStore(options).ok());
  options.etcd.user = "edge";
  options.etcd.password = "wrong";
  EXPECT_THAT(Message(OpenEtcdStore(options).status()),
              HasSubstr("authentication failed"));
  options.etcd.password = "word";
  const auto store = OpenEtcdStore(options);
  ASSERT_TRUE(store.ok()) << store.status();
  ASSERT_TRUE(Put(**store, {TenantWith("t", {})}).ok());
  // Tokens do not survive a restart of etcd.
  server_.Kill();
  ASSERT_TRUE(WaitReached(**store, false));
  server_.Start();
  ASSERT_TRUE(WaitReached(**store, true));
  EXPECT_TRUE(Put(**store, {}).ok());
}

TEST(EtcdTlsTest, BothSidesShowTheirCertificate) {
  if (!EtcdServer::IsInstalled()) GTEST_SKIP() << "no etcd-server here";
  const std::string folder = std::filesystem::temp_directory_path() /
                             ("rampart-etcd-tls-" + std::to_string(getpid()));
  std::filesystem::create_directories(folder);
  Shell("cd " + folder + R"( && exec 2>&1
    k='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2'
    openssl req -x509 $k -keyout ca.key -out ca.crt -subj /CN=ca
    for n in server client; do
      openssl req $k -keyout $n.key -out $n.csr -subj /CN=$n
      echo subjectAltName=IP:127.0.0.1 > ext
      openssl x509 -req -in $n.csr -CA ca.crt -CAkey ca.key -CAcreateserial \
        -days 2 -extfile ext -out $n.crt
    done)");
  {
    EtcdServer server("https", {"--cert-file=" + folder + "/server.crt",
                                "--key-file=" + folder + "/server.key",
                                "--trusted-ca-file=" + folder + "/ca.crt",
                                "--client-cert-auth"});
    server.Start();
    EtcdOptions options = {
        .endpoints = {server.endpoint()},
        .tls = true,
        .ca = Shell("cat " + folder + "/ca.crt"),
        .certificate = Shell("cat " + folder + "/client.crt"),
        .key = Shell("cat " + folder + "/client.key")};
    EtcdClient client(options);
    const auto nothing = client.Get("/x");
    ASSERT_TRUE(nothing.ok()) << nothing.status();
    EXPECT_FALSE(nothing->has_value());
    options.certificate = options.key = "";
    EXPECT_FALSE(EtcdClient(options).Get("/x").ok());
    options.tls = false;
    EXPECT_FALSE(EtcdClient(options).Get("/x").ok());
  }
  std::filesystem::remove_all(folder);
}

TEST(EtcdPrefixTest, EndsBehindItsLastKey) {
  EXPECT_EQ(EndOfPrefix("/f/"), "/f0");
  EXPECT_EQ(EndOfPrefix("a\xff"), "b");
  EXPECT_EQ(EndOfPrefix("\xff"), std::string(1, '\0'));
}

}  // namespace
}  // namespace rampart
