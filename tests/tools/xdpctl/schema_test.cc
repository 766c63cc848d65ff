// SPDX-License-Identifier: Apache-2.0
// Schemas stay as they are. A field that is added is added to the file, too:
// xdpctl schema KIND > schemas/KIND.json
#include "controller/api/schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "tests/tools/xdpctl/run_fixture.h"

namespace rampart::xdpctl {
namespace {

class SchemaTest : public RunTest {};

std::string Golden(std::string_view kind) {
  std::ostringstream text;
  text << std::ifstream(absl::StrCat(XDPCTL_SCHEMAS, "/", Absl(kind), ".json"))
              .rdbuf();
  return text.str();
}

// Whether everything that readers of `before` may count on is in `now`.
void ExpectOnlyAdded(const Json& before, const Json& now,
                     const std::string& where) {
  EXPECT_EQ(before.value("type", Json()), now.value("type", Json())) << where;
  const Json required = before.value("required", Json::array());
  const Json still = now.value("required", Json::array());
  for (const Json& name : required)
    EXPECT_THAT(still, ::testing::Contains(name)) << where;
  const Json fields = before.value("properties", Json::object());
  const Json known = now.value("properties", Json::object());
  for (const auto& [name, field] : fields.items())
    ExpectOnlyAdded(field, known.value(name, Json::object()),
                    where + "." + name);
  if (before.contains("items"))
    ExpectOnlyAdded(before["items"], now.value("items", Json::object()),
                    where + "[]");
}

TEST_F(SchemaTest, AreAsTheyWere) {
  for (const DocumentKind& kind : DocumentKinds()) {
    const std::string name(kind.name);
    const Result result = RunWords({"schema", name});
    EXPECT_EQ(result.code, 0);
    const std::string golden = Golden(name);
    ASSERT_NE(golden, "") << name << ": no file in tests/tools/xdpctl/schemas";
    ExpectOnlyAdded(Json::parse(golden), Json::parse(result.out), name);
    EXPECT_EQ(result.out, golden) << name;
  }
}

TEST_F(SchemaTest, AreListed) {
  const Result all = Run("schema -o name");
  EXPECT_EQ(std::count(all.out.begin(), all.out.end(), '\n'),
            static_cast<long>(DocumentKinds().size()));
  const Result none = Run("schema nonsense");
  EXPECT_EQ(none.code, 3);
  EXPECT_THAT(none.err, ::testing::HasSubstr("kinds are apply"));
}

TEST_F(SchemaTest, AnAnswerOfAnotherVersionIsRefusedWithBothNames) {
  On("/v1/tenants", R"({"schema":"xdpctl/v2/tenants","tenants":[]})");
  const Result result = Run("tenant list");
  EXPECT_EQ(result.code, 2);
  EXPECT_EQ(result.err,
            "xdpctl: the answer is of schema xdpctl/v2/tenants, this xdpctl "
            "reads xdpctl/v1: use xdpctl and rampartd of one version\n");
}

}  // namespace
}  // namespace rampart::xdpctl
