// SPDX-License-Identifier: Apache-2.0
// The output formats: what is written must be read back by a real parser.
#include "tools/xdpctl/output.h"

#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

namespace rampart::xdpctl {
namespace {

// What the parser made of it, as JSON again. A plain scalar is read as JSON if
// it is some; a quoted one is text.
Json FromYaml(const YAML::Node& node) {
  if (node.IsMap()) {
    Json object = Json::object();
    for (const auto& pair : node)
      object[pair.first.as<std::string>()] = FromYaml(pair.second);
    return object;
  }
  if (node.IsSequence()) {
    Json array = Json::array();
    for (const YAML::Node& part : node) array.push_back(FromYaml(part));
    return array;
  }
  if (node.IsNull()) return nullptr;
  const auto text = node.as<std::string>();
  if (node.Tag() == "!") return text;  // quoted
  const Json json = Json::parse(text, nullptr, false);
  return json.is_discarded() ? Json(text) : json;
}

TEST(YamlTest, AParserReadsBackWhatWasWritten) {
  const Json document = Json::parse(R"({
    "schema": "xdpctl/v1/tenants", "epoch": 18446744073709551615,
    "negative": -5, "ratio": 0.25, "yes": true, "none": null, "": "",
    "tenants": [{"name": "yes", "list": [], "map": {}, "nested": [[1, 2], []]},
                {"name": "12", "list": ["a", "b c", "- d", "#e", "f: g"]},
                {"deep": {"er": {"still": "x"}}}, 5, "text", null],
    "texts": ["~", "null", "No", "on", "1.5", "0x10", "2026-11-21", "10:30",
              "a\nb", "tab\there", "quote\"'", "\\", "Zürich", "😀", " lead",
              "trail ", "%x", "@x", "&x", "*x", "!x", "|", ">", "{}", "[]", "?",
              "a\u007fb", "\u0085", "\u2028", "\u0001", "10.1.0.0/16", "::1"]
  })");
  const Json read = FromYaml(YAML::Load(ToYaml(document)));
  EXPECT_EQ(read, document) << ToYaml(document);
}

TEST(YamlTest, OrdinaryTextHasNoQuotes) {
  EXPECT_EQ(ToYaml(Json::parse(
                R"({"schema":"xdpctl/v1/x","rows":[{"a":"eth0","b":[1]}]})")),
            "schema: xdpctl/v1/x\n"
            "rows:\n"
            "  - a: eth0\n"
            "    b:\n"
            "      - 1\n");
}

TEST(CsvTest, CellsAreQuotedWhereTheyMust) {  // RFC 4180 section 2
  EXPECT_EQ(ToCsv({"plain", "", "a,b", "say \"x\"", "two\nlines"}),
            "plain,,\"a,b\",\"say \"\"x\"\"\",\"two\nlines\"\n");
}

}  // namespace
}  // namespace rampart::xdpctl
