// SPDX-License-Identifier: Apache-2.0
// openapi.yaml says what the server does, and all of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "controller/api/handlers.h"
#include "controller/api/schema.h"
#include "controller/config/yaml.h"
#include "tests/controller/api/fakes.h"

namespace rampart {
namespace {

const Tree* Find(const Tree& tree, std::string_view key) {
  for (const Tree& child : tree.children)
    if (child.key == key) return &child;
  return nullptr;
}

const Tree& At(const Tree& tree, std::string_view key) {
  static const Tree kNone;
  const Tree* found = Find(tree, key);
  return found == nullptr ? kNone : *found;
}

// "x" of {$ref: ".../x"}.
std::string Reference(const Tree& tree) {
  const std::string& text = At(tree, "$ref").text;
  return text.substr(text.rfind('/') + 1);
}

std::set<std::string> Keys(const Tree& tree) {
  std::set<std::string> keys;
  for (const Tree& child : tree.children) keys.insert(child.key);
  return keys;
}

class OpenApiTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::ifstream in(RAMPART_OPENAPI);
    std::stringstream text;
    text << in.rdbuf();
    Mistakes mistakes("openapi.yaml");
    document_ = ParseYaml(text.str(), mistakes);
    ASSERT_TRUE(mistakes.ToStatus().ok()) << mistakes.ToStatus();
    ASSERT_FALSE(paths().empty());
  }
  const std::vector<Tree>& paths() const {
    return At(document_, "paths").children;
  }
  const Tree& components(std::string_view kind) const {
    return At(At(document_, "components"), kind);
  }

  Tree document_;
};

TEST_F(OpenApiTest, HasTheRoutesOfTheServerAndNoOthers) {
  std::set<std::string> described, served;
  for (const Tree& path : paths())
    for (const Tree& operation : path.children)
      if (operation.key != "parameters")
        described.insert(
            absl::StrCat(absl::AsciiStrToUpper(operation.key), " ", path.key));
  for (const ApiRoute& route : ApiRoutes())
    served.insert(absl::StrCat(
        Absl(route.method), " ",
        absl::StrReplaceAll(Absl(route.pattern), {{"...}", "}"}})));
  EXPECT_EQ(described, served);
}

TEST_F(OpenApiTest, DescribesEveryNameInAPath) {
  for (const Tree& path : paths()) {
    SCOPED_TRACE(path.key);
    std::vector<std::string> named, described;
    for (const absl::string_view part : absl::StrSplit(path.key, '/'))
      if (absl::StartsWith(part, "{"))
        named.emplace_back(part.substr(1, part.size() - 2));
    for (const Tree& parameter : At(path, "parameters").children)
      described.push_back(Reference(parameter));
    EXPECT_EQ(described, named);
    for (const std::string& name : named)
      EXPECT_EQ(At(At(components("parameters"), name), "name").text, name);
  }
}

TEST_F(OpenApiTest, NamesTheSchemaOfEveryAnswer) {
  std::set<std::string> kinds = {"error"};
  for (const Tree& path : paths()) {
    for (const Tree& operation : path.children) {
      if (operation.key == "parameters") continue;
      const Tree& responses = At(operation, "responses");
      kinds.insert(Reference(At(responses, "200")));
      EXPECT_EQ(Reference(At(responses, "default")), "error") << path.key;
    }
  }
  EXPECT_EQ(Keys(components("responses")), kinds);
  EXPECT_EQ(Keys(components("schemas")), kinds);
  for (const std::string& kind : kinds) {
    EXPECT_TRUE(SchemaOf(kind).ok()) << kind;
    EXPECT_EQ(Reference(At(components("schemas"), kind)), kind + ".json");
  }
}

// Those that need no parameter and no data plane.
TEST_F(OpenApiTest, AnswersAreOfTheKindItSays) {
  FakeBackend backend({.edge = "edge-a"}, {});
  int answered = 0;
  for (const Tree& path : paths()) {
    const Tree* get = Find(path, "get");
    if (get == nullptr) continue;
    const ApiResponse response =
        MakeApi(backend)({.method = "GET", .path = path.key});
    if (response.status != 200) continue;
    ++answered;
    EXPECT_EQ(std::string(Json::parse(response.body)["schema"]),
              "xdpctl/v1/" + Reference(At(At(*get, "responses"), "200")))
        << path.key;
  }
  EXPECT_GE(answered, 10);
}

}  // namespace
}  // namespace rampart
