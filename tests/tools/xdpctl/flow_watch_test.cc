// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/controller/api/json_schema.h"
#include "tests/tools/xdpctl/run_fixture.h"

namespace rampart::xdpctl {
namespace {

using ::testing::HasSubstr;

class FlowWatchTest : public RunTest {
 protected:
  // What the next looks see: the source ports of the flows that there are.
  void Looks(std::vector<std::vector<int>> looks) {
    next_ = 0;
    looks_ = std::move(looks);
    Show();
    wait_ = [this](double) {
      if (++next_ == looks_.size()) return false;
      Show();
      return true;
    };
  }
  void Show() {
    Json document = Document("flows");
    document["matched"] = looks_[next_].size();
    document["truncated"] = looks_[next_].size() > 5;
    document["flows"] = Json::array();
    for (const int port : looks_[next_]) document["flows"].push_back(Row(port));
    const std::lock_guard lock(mutex_);
    On("/v1/flows", document.dump());
  }
  static Json Row(int port) {
    return Json::parse(absl::StrCat(
        R"({"tenant":"acme","vnet":"main","proto":"udp","src":"2001:db8::1",)"
        R"("sport":)",
        port,
        R"(,"dst":"10.1.0.9","dport":53,"to_src":"2001:db8::1","to_sport":)",
        port,
        R"(,"to_dst":"10.1.0.9","to_dport":53,"on_ramp":"fra","off_ramp":)"
        R"("syd","state":"REPLIED","reason":"","packets":[1,1],"bytes":[60,)"
        R"(90],"idle_s":0.5,"expires_in_s":30.0,"epoch":2,"rule":"dns"})"));
  }

  size_t next_ = 0;
  std::vector<std::vector<int>> looks_;
};

TEST_F(FlowWatchTest, TellsWhatCameAndWhatWent) {
  Looks({{1, 2}, {1, 2}, {2, 3}, {3}});
  const Result result = Run("flow watch --columns event,source");
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.out,
            "EVENT  SOURCE\n"
            "new    [2001:db8::1]:3\n"
            "end    [2001:db8::1]:1\n"
            "end  [2001:db8::1]:2\n");
}

TEST_F(FlowWatchTest, LooksAsOftenAsItIsTold) {
  Looks({{1}, {2}, {3}, {4}});
  EXPECT_EQ(Run("flow watch -c 2 -o jsonl").out.find("\"sport\":4"),
            std::string::npos);
  EXPECT_EQ(next_, 2);
}

TEST_F(FlowWatchTest, EventsFitTheirSchema) {
  Looks({{}, {1}});
  const Result result = Run("flow watch -j proto udp");
  EXPECT_EQ(DocumentMismatch(Json::parse(result.out)), "");
  EXPECT_EQ(LastTarget(), "/v1/flows?proto=udp&limit=20000");
}

TEST_F(FlowWatchTest, TooManyFlowsAreRefused) {
  Looks({{1, 2, 3, 4, 5, 6}});
  const Result result = Run("flow watch");
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.err, HasSubstr("6 flows, more than 20000 cannot"));
}

}  // namespace
}  // namespace rampart::xdpctl
