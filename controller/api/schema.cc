// SPDX-License-Identifier: Apache-2.0
#include "controller/api/schema.h"

#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace rampart {
namespace {

struct Line {
  size_t depth;
  std::string name;
  std::string type;
  std::string description;
};

std::vector<Line> LinesOf(std::string_view fields) {
  std::vector<Line> lines;
  for (const absl::string_view text :
       absl::StrSplit(Absl(fields), '\n', absl::SkipWhitespace())) {
    const size_t depth = text.find_first_not_of(' ') / 2;
    const std::vector<std::string> parts = absl::StrSplit(
        absl::StripAsciiWhitespace(text), absl::MaxSplits(' ', 2));
    lines.push_back({depth, parts[0], parts.size() > 1 ? parts[1] : "object",
                     parts.size() > 2 ? parts[2] : ""});
  }
  return lines;
}

Json TypeOf(const std::string& type) {
  const std::vector<std::string> types = absl::StrSplit(type, '|');
  return types.size() == 1 ? Json(types[0]) : Json(types);
}

// Takes the lines from `next` on that are `depth` deep or deeper.
void AddFields(const std::vector<Line>& lines, size_t& next, size_t depth,
               Json& object);

Json FieldOf(const std::vector<Line>& lines, size_t& next, bool array) {
  const Line& line = lines[next++];
  Json item = {{"type", TypeOf(line.type)}};
  if (next < lines.size() && lines[next].depth > line.depth)
    AddFields(lines, next, line.depth + 1, item);
  Json field = array ? Json{{"type", "array"}, {"items", item}} : item;
  if (!line.description.empty()) field["description"] = line.description;
  return field;
}

void AddFields(const std::vector<Line>& lines, size_t& next, size_t depth,
               Json& object) {
  Json required = Json::array();
  while (next < lines.size() && lines[next].depth >= depth) {
    std::string name = lines[next].name;
    const bool optional = name.ends_with('?');
    if (optional) name.pop_back();
    const bool array = name.ends_with("[]");
    if (array) name.resize(name.size() - 2);
    object["properties"][name] = FieldOf(lines, next, array);
    if (!optional) required.push_back(name);
  }
  object["required"] = std::move(required);
}

}  // namespace

absl::StatusOr<Json> SchemaOf(std::string_view kind) {
  std::vector<absl::string_view> names;
  for (const DocumentKind& known : DocumentKinds()) {
    names.push_back(Absl(known.name));
    if (known.name != kind) continue;
    const std::string id = absl::StrCat("xdpctl/v1/", names.back());
    Json schema = {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                   {"$id", id},
                   {"title", known.title},
                   {"type", "object"},
                   {"properties", {{"schema", {{"const", id}}}}}};
    size_t next = 0;
    AddFields(LinesOf(known.fields), next, 0, schema);
    schema["required"].insert(schema["required"].begin(), "schema");
    return schema;
  }
  return absl::NotFoundError(absl::StrCat("schema ", Absl(kind),
                                          ": there is none; kinds are ",
                                          absl::StrJoin(names, ", ")));
}

}  // namespace rampart
