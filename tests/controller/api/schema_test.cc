// SPDX-License-Identifier: Apache-2.0
#include "controller/api/schema.h"

#include <gtest/gtest.h>

#include "tests/controller/api/json_schema.h"

namespace rampart {
namespace {

TEST(SchemaTest, LinesBecomeJsonSchema) {
  const auto schema = SchemaOf("nat-whois");
  ASSERT_TRUE(schema.ok()) << schema.status();
  EXPECT_EQ((*schema)["$id"], "xdpctl/v1/nat-whois");
  EXPECT_EQ((*schema)["properties"]["schema"],
            (Json{{"const", "xdpctl/v1/nat-whois"}}));
  EXPECT_EQ((*schema)["properties"]["from"],
            (Json{{"type", {"string", "null"}},
                  {"description", "Time asked about, RFC 3339"}}));
  const Json& owners = (*schema)["properties"]["owners"];
  EXPECT_EQ(owners["type"], "array");
  EXPECT_EQ(owners["items"]["properties"]["vni"], (Json{{"type", "integer"}}));
  EXPECT_EQ(SchemaOf("x").status().code(), absl::StatusCode::kNotFound);
}

TEST(SchemaTest, TheValidatorFindsWhatDoesNotFit) {
  const Json good = {{"schema", "xdpctl/v1/schemas"},
                     {"kinds", {{{"kind", "a"}, {"title", "b"}}}}};
  EXPECT_EQ(DocumentMismatch(good), "");
  Json bad = good;
  bad["kinds"][0]["title"] = 5;
  EXPECT_EQ(DocumentMismatch(bad),
            "document.kinds[0].title: 5 is no \"string\"");
  bad = good;
  bad["kinds"][0].erase("kind");
  EXPECT_EQ(DocumentMismatch(bad), "document.kinds[0]: kind is missing");
  bad = good;
  bad["more"] = 1;
  EXPECT_EQ(DocumentMismatch(bad), "document: more is not in the schema");
  bad = good;
  bad["kinds"] = "x";
  EXPECT_EQ(DocumentMismatch(bad), "document.kinds: \"x\" is no \"array\"");
  bad["schema"] = "xdpctl/v1/none";
  EXPECT_NE(DocumentMismatch(bad), "");
}

}  // namespace
}  // namespace rampart
