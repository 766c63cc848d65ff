// SPDX-License-Identifier: Apache-2.0
// Whole command lines against a server that answers from a table.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "tests/tools/xdpctl/run_fixture.h"

namespace rampart::xdpctl {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

constexpr char kTenants[] =
    R"({"schema":"xdpctl/v1/tenants","tenants":[{"name":"acme","id":1,)"
    R"("default_vnet":"frankfurt","vnets":2,"tunnels":3,"routes":4,)"
    R"("policies":5}]})";

TEST_F(RunTest, AListIsATable) {
  On("/v1/tenants", kTenants);
  const Result result = Run("tenant list");
  EXPECT_EQ(result.code, 0);
  EXPECT_EQ(result.out,
            "NAME  ID  DEFAULT-VNET  VNETS  TUNNELS  ROUTES  POLICIES\n"
            "acme   1  frankfurt         2        3       4         5\n");
  EXPECT_THAT(result.err, IsEmpty());
}

TEST_F(RunTest, JsonIsWhatTheServerSaid) {
  On("/v1/tenants", kTenants);
  const std::string json = absl::StrCat(kTenants, "\n");
  EXPECT_EQ(Run("tenant list -j").out, json);
  EXPECT_EQ(Run("tenant list -o json").out, json);
  EXPECT_EQ(Run("-o json tenant list").out, json);
  EXPECT_EQ(Run("tenant -j list").out, json);
  EXPECT_THAT(Run("tenant list -j -p").out, HasSubstr("\n  \"schema\""));
}

constexpr char kTwoTenants[] =
    R"({"schema":"xdpctl/v1/tenants","tenants":[{"name":"b","id":10},)"
    R"({"name":"a","id":9}]})";

TEST_F(RunTest, AListHasEveryFormat) {
  On("/v1/tenants", kTwoTenants);
  EXPECT_EQ(Run("tenant list --columns id,name").out,
            "ID  NAME\n10  b\n 9  a\n");
  EXPECT_EQ(Run("tenant list --columns id,name --sort id").out,
            "ID  NAME\n 9  a\n10  b\n");
  EXPECT_EQ(Run("tenant list --columns name --sort -id --no-headers").out,
            "b\na\n");
  EXPECT_EQ(Run("tenant list --columns name,id -o csv").out,
            "NAME,ID\nb,10\na,9\n");
  EXPECT_EQ(Run("tenant list -o name").out, "b\na\n");
  EXPECT_EQ(Run("tenant list -o jsonl --sort name").out,
            "{\"name\":\"a\",\"id\":9}\n{\"name\":\"b\",\"id\":10}\n");
  EXPECT_EQ(Run("tenant list -o yaml").out,
            "---\nschema: xdpctl/v1/tenants\ntenants:\n  - name: b\n    id: "
            "10\n  - name: a\n    id: 9\n");
  EXPECT_THAT(Run("tenant list -o wide").out, HasSubstr("DEFAULT-VNET"));
}

TEST_F(RunTest, OneOfAListIsShownByItsName) {
  On("/v1/tenants", kTwoTenants);
  for (const char* line : {"tenant show a", "tenant get a", "ten sh a"})
    EXPECT_EQ(Run(std::string(line) + " --columns name,id").out,
              "NAME  ID\na      9\n")
        << line;
  EXPECT_EQ(Run("tenant describe a").out, "name  a\nid    9\n");
  EXPECT_EQ(Run("tenant get -o name").out, "b\na\n");
  EXPECT_EQ(Run("tenant show a -j").out,
            R"({"schema":"xdpctl/v1/tenants","tenants":[{"name":"a","id":9}]})"
            "\n");
  const Result none = Run("tenant show c");
  EXPECT_EQ(none.code, 3);
  EXPECT_EQ(none.err,
            "xdpctl: tenant c: there is none; xdpctl tenant list shows what "
            "there is\n");
}

TEST_F(RunTest, ANameWithoutItsTenantWillDoWhereItIsTheOnlyOne) {
  On("/v1/vnets",
     R"({"vnets":[{"tenant":"acme","name":"fra"},{"tenant":"acme",)"
     R"("name":"main"},{"tenant":"globex","name":"main"}]})");
  EXPECT_EQ(Run("vnet show fra -o name").out, "acme/fra\n");
  EXPECT_EQ(Run("vnet show globex/main -o name").out, "globex/main\n");
  const Result several = Run("vnet show main");
  EXPECT_EQ(several.code, 2);
  EXPECT_EQ(several.err,
            "xdpctl: vnet main: there are several; name one of acme/main, "
            "globex/main\n");
}

TEST_F(RunTest, WatchAsksAgainAndAppends) {
  On("/v1/tenants", kTwoTenants);
  for (const char* line :
       {"tenant list -w -c 3 -o name", "tenant list --watch 5 -c 3 -o name",
        "-w tenant list --count 3 -o name", "tenant list -c 3 -o name -w"})
    EXPECT_EQ(Run(line).out, "b\na\nb\na\nb\na\n") << line;
  terminal_ = true;
  EXPECT_EQ(Run("tenant list -w -c 2 -o name").out,
            "\x1b[H\x1b[2Jb\na\n\x1b[H\x1b[2Jb\na\n");
}

TEST_F(RunTest, ColorsAreForTerminals) {
  On("/v1/devices", R"({"devices":[{"name":"eth1","state":"missing"}]})");
  const std::string line = "dev list --columns dev,state";
  const std::string plain = "DEV   STATE\neth1  missing\n";
  const std::string painted =
      "\x1b[1mDEV\x1b[0m   \x1b[1mSTATE\x1b[0m\n"
      "eth1  \x1b[31mmissing\x1b[0m\n";
  EXPECT_EQ(Run(line).out, plain);
  EXPECT_EQ(Run(line + " --color always").out, painted);
  terminal_ = true;
  EXPECT_EQ(Run(line).out, painted);
  EXPECT_EQ(Run(line + " --color never").out, plain);
}

TEST_F(RunTest, PrefixesAliasesAndDashesAreUnderstood) {
  On("/v1/tenants", kTenants);
  for (const char* line :
       {"te l", "ten ls", "tenant li", "--no-headers te l", "-o table te l",
        "--output=table te l", "te l -o table"}) {
    const Result result = Run(line);
    EXPECT_EQ(result.code, 0) << line << ": " << result.err;
    EXPECT_THAT(result.out, HasSubstr("acme")) << line;
  }
  const Result dashes = Run("tenant list —no-headers");
  EXPECT_EQ(dashes.code, 0);
  EXPECT_THAT(dashes.out, Not(HasSubstr("NAME")));
  EXPECT_EQ(dashes.err, "xdpctl: note: read '—no-headers' as '--no-headers'\n");
}

TEST_F(RunTest, UsageMistakesEndWithStatus2AndOneLine) {
  On("/v1/tenants", kTenants);
  struct Case {
    const char* line;
    const char* what;
  };
  for (const Case& c : std::initializer_list<Case>{
           {"t l", "'t': ambiguous; it could be tenant, tunnel"},
           {"d l", "it could be dev, drop"},
           {"nonsense", "'nonsense': unknown; there are status, apply"},
           {"tenant kill", "'kill': unknown; there are list, show, describe"},
           {"", "--help tells more"},
           {"tenant", "--help tells more"},
           {"tenant list -o xml", "yaml"},
           {"tenant list --columns nom", "'nom' is no column; there are NAME"},
           {"tenant list --sort nom", "'nom' is no column; there are NAME"},
           {"tenant list -w 0", "--watch"},
           {"status -o csv", "-o csv: status shows no list"},
           {"status --sort name", "--sort: status shows no list"},
           {"apply -f - -w", "--watch: apply is done once"},
           {"tenant list --colour", "--colour"},
           {"tenant list extra", "extra"},
           {"route get", "address"},
           {"apply", "--file"},
           {"flow list colour red", "selector 'colour': unknown"},
           {"flow list src", "its value is missing"},
           {"flow list --limit 0", "--limit"},
           {"map dump", "name"},
           {"nat pool list --offline", "only the controller can tell"},
       }) {
    SCOPED_TRACE(c.line);
    const Result result = Run(c.line);
    EXPECT_EQ(result.code, 2);
    EXPECT_THAT(result.err, AllOf(StartsWith("xdpctl: "), HasSubstr(c.what)));
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1)
        << result.err;
    EXPECT_THAT(result.out, IsEmpty());
  }
}

TEST_F(RunTest, HelpAndVersionEndWell) {
  EXPECT_THAT(Run("--help").out, HasSubstr("Usage: xdpctl"));
  EXPECT_EQ(Run("--help").code, 0);
  EXPECT_THAT(Run("flow list --help").out, HasSubstr("proto NAME"));
  EXPECT_THAT(Run("--version").out, StartsWith("xdpctl "));
}

TEST_F(RunTest, ErrorsOfTheServerBecomeExitCodes) {
  struct Case {
    absl::Status status;
    int code;
  };
  for (const Case& c : std::initializer_list<Case>{
           {absl::InvalidArgumentError("bad"), 2},
           {absl::FailedPreconditionError("conflict"), 2},
           {absl::NotFoundError("none"), 3},
           {absl::PermissionDeniedError("no"), 1},
           {absl::InternalError("broken"), 1},
           {absl::UnavailableError("later"), 1},
       }) {
    Fail("/v1/tenants", c.status);
    const Result result = Run("tenant list");
    EXPECT_EQ(result.code, c.code) << c.status;
    EXPECT_EQ(result.err, absl::StrCat("xdpctl: ", c.status.message(), "\n"));
  }
}

TEST_F(RunTest, NatPoolsTellHowFullTheyAre) {
  On("/v1/nat/pools",
     R"({"pools":[{"name":"default","blocks":126,"used":40,"resting":6,)"
     R"("fill":0.3651,"full_in_s":7200.5,"subscribers":39,)"
     R"("mappings":{"tcp":900,"udp":80,"icmp":7},"granted":5000,)"
     R"("refused":{"quota":3,"no_block":1}},{"name":"idle","fill":0.0,)"
     R"("full_in_s":null}]})");
  EXPECT_EQ(Run("nat pool list").out,
            "POOL     BLOCKS  USED  RESTING  FILL  FULL-IN  SUBSCRIBERS  TCP  "
            "UDP  ICMP  REFUSED\n"
            "default     126    40        6  36%   2h00m             39  900  "
            " 80     7        4\n"
            "idle          -     -        -  0%    -                  -    -  "
            "  -     -        0\n");
}

TEST_F(RunTest, TheGreatestUsersOfPorts) {
  On("/v1/nat/ports",
     R"({"subscribers":[{"tenant":"acme","vnet":"main","inside":"10.1.0.5",)"
     R"("pool":"default","outside":"203.0.113.1","blocks":2,"ports":600,)"
     R"("mappings":{"tcp":590,"udp":10,"icmp":0}}]})");
  EXPECT_EQ(Run("nat port top 3").out,
            "VNET       INSIDE    POOL     OUTSIDE      BLOCKS  PORTS  TCP  "
            "UDP  ICMP\n"
            "acme/main  10.1.0.5  default  203.0.113.1       2    600  590  "
            " 10     0\n");
  EXPECT_EQ(LastTarget(), "/v1/nat/ports?top=3");
  EXPECT_EQ(Run("nat port top 0").code, 2);
}

TEST_F(RunTest, WhoHadAnExternalPort) {
  On("/v1/nat/whois",
     R"({"owners":[{"tenant":"acme","vnet":"main","vni":1001,)"
     R"("inside":"10.1.0.5","pool":"default","first_port":1024,)"
     R"("last_port":1535,"granted":"2026-11-21T19:43:02+00:00",)"
     R"("released":null}]})");
  EXPECT_EQ(Run("nat whois 203.0.113.1 1100 2026-11-21T20:00:00Z").out,
            "VNET        VNI  INSIDE    POOL     PORTS      GRANTED           "
            "         RELEASED\n"
            "acme/main  1001  10.1.0.5  default  1024-1535  "
            "2026-11-21T19:43:02+00:00  -\n");
  EXPECT_EQ(LastTarget(),
            "/v1/nat/whois?address=203.0.113.1&port=1100&"
            "time=2026-11-21T20%3A00%3A00Z");
  Fail("/v1/nat/whois", absl::NotFoundError("nobody had port 7"));
  EXPECT_EQ(Run("nat whois 203.0.113.1 7").code, 3);
  EXPECT_EQ(Run("nat whois 203.0.113.1").code, 2);
}

TEST_F(RunTest, AnswersOfAnotherVersionDoNoHarm) {
  for (const char* answer :
       {"{}", R"({"tenants":[{}]})", R"({"tenants":[5,"x",null]})"}) {
    On("/v1/tenants", answer);
    for (const char* format :
         {"table", "wide", "name", "json", "jsonl", "yaml", "csv"})
      EXPECT_EQ(Run(absl::StrCat("tenant list --sort name -o ", format)).code,
                0)
          << answer;
  }
  for (const char* answer : {"", "[]", "not JSON"}) {
    On("/v1/tenants", answer);
    EXPECT_EQ(Run("tenant list").code, 1) << answer;
  }
  for (const char* path :
       {"/v1/status", "/v1/devices", "/v1/flows", "/v1/nat/sessions",
        "/v1/nat/pools", "/v1/nat/ports", "/v1/nat/whois", "/v1/drops",
        "/v1/maps", "/v1/maps/x", "/v1/route", "/v1/tunnels"})
    On(path, R"({"flows":[{}],"sessions":[{}],"tunnels":[{}],"pools":[{}],)"
             R"("subscribers":[{}],"owners":[{}]})");
  for (const char* line :
       {"status", "dev list", "flow list", "nat session list", "nat pool list",
        "nat port top", "nat whois ::1 5", "drop list", "map list",
        "map dump x", "route get ::1", "tunnel list"})
    EXPECT_EQ(Run(line).code, 0) << line;
}

TEST_F(RunTest, WithoutAServerTheErrorNamesTheSocketAndTheNextStep) {
  const Result result = Run("--socket /nowhere/api.sock tenant list");
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.err, AllOf(StartsWith("xdpctl: API socket /nowhere/"),
                                HasSubstr("is rampartd running?")));
}

TEST_F(RunTest, TheSocketOptionWinsOverTheEnvironment) {
  On("/v1/tenants", kTenants);
  variable_ = "/nowhere/api.sock";
  EXPECT_EQ(Run("tenant list").code, 1);
  EXPECT_EQ(RunWords({"--socket", socket_, "tenant", "list"}).code, 0);
}

TEST_F(RunTest, SelectorsBecomeParameters) {
  On("/v1/flows",
     R"({"schema":"xdpctl/v1/flows","matched":0,"truncated":false,)"
     R"("flows":[]})");
  EXPECT_EQ(Run("flow list src 10.1.0.0/16 not proto tcp vnet acme/fra").code,
            0);
  EXPECT_EQ(LastTarget(),
            "/v1/flows?src=10.1.0.0%2F16&not-proto=tcp&vnet=acme%2Ffra&"
            "limit=1000");
  Run("flow list --limit 5 dport 22");
  EXPECT_EQ(LastTarget(), "/v1/flows?dport=22&limit=5");
}

TEST_F(RunTest, FlowsShowEndpointsRewriteAndRate) {
  On("/v1/flows",
     R"({"matched":2,"truncated":true,"flows":[{"tenant":"acme","vnet":"fra",)"
     R"("proto":"tcp","src":"10.1.0.5","sport":1234,"dst":"2001:db8::1",)"
     R"("dport":443,"to_src":"203.0.113.1","to_sport":40000,)"
     R"("to_dst":"2001:db8::1","to_dport":443,"on_ramp":"fra",)"
     R"("off_ramp":"internet","state":"ESTABLISHED","reason":"",)"
     R"("packets":[3,2],"bytes":[180,2048],"idle_s":1.5,)"
     R"("expires_in_s":60,"epoch":3,"rule":"web"}]})");
  const Result result = Run("flow list --no-headers");
  EXPECT_EQ(result.out,
            "acme/fra  tcp  10.1.0.5:1234  [2001:db8::1]:443  fra  internet  "
            "src 203.0.113.1:40000  ESTABLISHED  3/2  180/2.0K  1.5s  web\n");
  EXPECT_EQ(result.err,
            "xdpctl: note: the first 1 of 2 are shown; --limit N shows more\n");
}

TEST_F(RunTest, RouteGetIsASentenceWithTheLosers) {
  On("/v1/route",
     R"({"edge":"edge-a","address":"10.1.2.3","route":{"tenant":"acme",)"
     R"("vnet":"fra","default":true,"cidr":"10.1.0.0/16","kind":"tunnel",)"
     R"("tunnel":"t1","type":"gue","peers":2},"lost":[{"tenant":"acme",)"
     R"("vnet":"fra","default":true,"cidr":"0.0.0.0/0","kind":"internet",)"
     R"("pool":"default","why":"shorter prefix"}],"also":[{"tenant":"acme",)"
     R"("vnet":"syd","default":false,"cidr":"10.1.0.0/16",)"
     R"("kind":"blackhole"}]})");
  const Result result = Run("ro g 10.1.2.3 --vnet fra");
  EXPECT_EQ(LastTarget(), "/v1/route?address=10.1.2.3&vnet=fra");
  EXPECT_EQ(
      result.out,
      "10.1.2.3 tenant acme vnet fra (default) via tunnel t1 2 peers edge "
      "edge-a match 10.1.0.0/16\n"
      "    also: 10.1.0.0/16 vnet syd via blackhole   (another vnet: --vnet "
      "acme/syd)\n"
      "    lost: 0.0.0.0/0 vnet fra via internet pool default   (shorter "
      "prefix)\n");
}

TEST_F(RunTest, ADegradedEdgeIsShownAndEndsWithStatus5) {
  On("/v1/status",
     R"({"edge":"edge-a","version":"0.1.0","pid":7,"uptime_s":250,)"
     R"("adopted":true,"epoch":3,"tenants":1,"flows":{"now":1,)"
     R"("capacity":10,"started":5,"ended":4,"adopted":2},)"
     R"("nat":{"sessions":3},"punts":{"total":9,"pending":0,"sent":12,)"
     R"("lost":2,"in_rings":1,"injected":5,"dropped":2,"answered":1,)"
     R"("waiting":1},"drops":{"packets":6},)"
     R"("degraded":["device eth1 is not there"],"losses":[{)"
     R"("id":"RP-KRN-001","device":"eth0","packets":7,"help":"down"}],)"
     R"("losses_unavailable":"no BTF",)"
     R"("devices":[{"name":"eth0","role":"uplink","state":"attached",)"
     R"("mode":"generic","why":"no","rx":15,"forwarded":1,"passed":2,)"
     R"("punted":3,"dropped":4,"gap":5}]})");
  const Result result = Run("status");
  EXPECT_EQ(result.code, 5);
  EXPECT_EQ(
      result.out,
      "edge-a  rampartd 0.1.0  pid 7  up 4m10s  epoch 3  tenants 1  data plane "
      "adopted\n"
      "DEV   MODE     ROLE    STATE     RX  FORWARDED  PASSED  PUNTED  "
      "DROPPED  GAP  WHY\n"
      "eth0  generic  uplink  attached  15          1       2       3  "
      "      4    5  no\n"
      "flows  1 of 10  started 5  ended 4  adopted 2\n"
      "nat    3 sessions\n"
      "punts  sent 12 = received 9 + lost 2 + in rings 1\n"
      "       received = injected 5 + dropped 2 + answered 1 + waiting 1\n"
      "drops  6\n"
      "losses in kernel and devices:\n"
      "ID          DEV   PACKETS  HELP\n"
      "RP-KRN-001  eth0        7  down\n"
      "losses behind verdicts are not counted: no BTF\n"
      "degraded: device eth1 is not there\n");
}

constexpr char kDiff[] =
    R"({"schema":"xdpctl/v1/apply","dry_run":false,"epoch":4,)"
    R"("added":[{"kind":"tenant","tenant":"acme","name":"acme"}],)"
    R"("changed":[{"kind":"tunnel","tenant":"acme","name":"fra"}],)"
    R"("removed":[{"kind":"route","tenant":"acme","name":"fra ::/0"}]})";

TEST_F(RunTest, ApplySendsTheTextAndShowsTheDifference) {
  On("/v1/apply", kDiff);
  const Result result = Run("apply -f -", "tenants: []\n");
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.out,
            "+ tenant acme\n~ tunnel acme/fra\n- route acme/fra ::/0\n"
            "epoch 4 is in force: 1 added, 1 changed, 1 removed\n");
  EXPECT_EQ(Json::parse(last_.body), (Json{{"file", "<stdin>"},
                                           {"text", "tenants: []\n"},
                                           {"dry_run", false},
                                           {"on_change", "recheck"}}));
}

TEST_F(RunTest, ApplyReadsAFile) {
  On("/v1/apply", kDiff);
  const std::string path = absl::StrCat("/tmp/rp-xdpctl-", getpid(), ".yaml");
  std::ofstream(path) << "tenants: []\n";
  EXPECT_EQ(RunWords({"apply", "-f", path, "--dry-run", "--on-change", "cut",
                      "--confirm", "5m", "--comment", "why not"})
                .code,
            0);
  EXPECT_EQ(Json::parse(last_.body), (Json{{"file", path},
                                           {"text", "tenants: []\n"},
                                           {"dry_run", true},
                                           {"on_change", "cut"},
                                           {"confirm", "5m"},
                                           {"comment", "why not"}}));
  unlink(path.c_str());
  EXPECT_EQ(Run("apply -f - --on-change drop").code, 2);
}

TEST_F(RunTest, ApplySaysWhatBecomesOfFlowsAndUntilWhenToConfirm) {
  Json document = Json::parse(kDiff);
  document["flows"] = {{"live", 9},
                       {"changed", 4},
                       {"ends", {{"keep", 1}, {"recheck", 2}, {"cut", 4}}},
                       {"complete", true}};
  document["on_change"] = "recheck";
  document["confirm_by"] = "2026-11-21T19:43:02Z";
  On("/v1/apply", document.dump());
  EXPECT_THAT(
      Run("apply -f -").out,
      HasSubstr("of 9 live flows 2 end (recheck), 4 would be decided "
                "otherwise\ntaken back at 2026-11-21T19:43:02Z unless you "
                "confirm it: xdpctl config confirm 4\n"));
  document["dry_run"] = true;
  document["confirm_by"] = nullptr;
  On("/v1/apply", document.dump());
  EXPECT_THAT(Run("apply -f - --dry-run").out,
              HasSubstr("of 9 live flows keep would end 1, recheck 2, cut 4"));
}

constexpr char kEpochs[] =
    R"json({"schema":"xdpctl/v1/epochs","epoch":4,"probation":{"epoch":4,)json"
    R"json("back_to":3,"deadline":"2026-11-21T19:43:02Z"},"epochs":[{"epoch":4,)json"
    R"json("time":"2026-11-21T19:38:02Z","who":"alice (uid 7)","what":"apply",)json"
    R"json("comment":"","on_change":"cut","tenants":["acme","globex"]}]})json";

TEST_F(RunTest, TheHistoryOfConfigurationAndPolicyIsOne) {
  On("/v1/epochs", kEpochs);
  for (const char* noun : {"config", "policy"}) {
    const Result result = Run(absl::StrCat(noun, " history"));
    EXPECT_EQ(result.code, 0) << result.err;
    EXPECT_EQ(
        result.out,
        "EPOCH  TIME                  WHO            WHAT   COMMENT  TENANTS\n"
        "    4  2026-11-21T19:38:02Z  alice (uid 7)  apply  -        "
        "acme,globex\n");
    EXPECT_THAT(result.err, HasSubstr("epoch 4 is taken back at 2026-"));
  }
}

TEST_F(RunTest, RollbackAndConfirmNameTheEpoch) {
  On("/v1/epochs", kEpochs);
  On("/v1/epochs/3/rollback", kDiff);
  On("/v1/epochs/4/confirm", R"({"epoch":4})");
  EXPECT_THAT(Run("config rollback 3").out, HasSubstr("epoch 4 is in force"));
  EXPECT_EQ(Run("config confirm").out, "epoch 4 stays in force\n");
  EXPECT_EQ(Run("policy confirm 4").out, "epoch 4 stays in force\n");
}

TEST_F(RunTest, MistakesInAFileAreLinesThatEditorsUnderstand) {
  Fail("/v1/apply",
       absl::InvalidArgumentError("r.yaml:3: unknown key\nr.yaml:7: bad CIDR"));
  const Result result = Run("apply -f -", "x");
  EXPECT_EQ(result.code, 2);
  EXPECT_EQ(result.err, "r.yaml:3: unknown key\nr.yaml:7: bad CIDR\n");
}

TEST_F(RunTest, AFileThatCannotBeReadIsAnError) {
  EXPECT_EQ(Run("apply -f /nonexistent.yaml").err,
            "xdpctl: apply: /nonexistent.yaml: No such file or directory\n");
  EXPECT_EQ(Run("apply -f /nonexistent.yaml").code, 3);
  EXPECT_THAT(Run("apply -f /tmp").err, HasSubstr("Is a directory"));
}

TEST_F(RunTest, NothingToApplyIsSaid) {
  On("/v1/apply",
     R"({"dry_run":false,"epoch":3,"added":[],"changed":[],"removed":[]})");
  EXPECT_EQ(Run("apply -f -").out, "nothing to change: epoch 3\n");
}

TEST_F(RunTest, DropsAndMapsComeFromTheControllerWhileItRuns) {
  On("/v1/drops",
     R"({"drops":[{"id":"RP-TUN-001","reason":"NO_PEER","device":"eth0",)"
     R"("packets":3,"bytes":300,"help":"who"}]})");
  const Result drops = Run("drop list -a");
  EXPECT_EQ(drops.code, 0);
  EXPECT_EQ(drops.out,
            "ID          REASON   DEV   PACKETS  BYTES  HELP\n"
            "RP-TUN-001  NO_PEER  eth0        3    300  who\n");
  EXPECT_EQ(LastTarget(), "/v1/drops?all=1");
  On("/v1/maps/rp_grants",
     R"({"truncated":false,"entries":[{"tunnel":1,"realm":"7"}]})");
  EXPECT_EQ(Run("map dump rp_grants").out, "TUNNEL  REALM\n     1      7\n");
}

TEST_F(RunTest, WithoutControllerAndPinsBothAreNamed) {
  const Result result =
      Run("--socket /nowhere.sock --bpffs /nonexistent drop list");
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.err,
              AllOf(HasSubstr("/nowhere.sock"), HasSubstr("no pins in")));
}

TEST_F(RunTest, OfflineWithoutSuchAnEdgeIsNotFound) {
  EXPECT_EQ(Run("--bpffs /nonexistent --edge edge-x --offline map list").code,
            3);
}

}  // namespace
}  // namespace rampart::xdpctl
