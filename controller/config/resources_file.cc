// SPDX-License-Identifier: Apache-2.0
// resources.yaml: from text to resources that can be put in force.
#include <filesystem>
#include <system_error>
#include <utility>

#include "controller/config/check.h"
#include "controller/config/edge_config.h"
#include "controller/config/secrets.h"
#include "controller/config/yaml.h"
#include "controller/model/read.h"

namespace rampart {
namespace {

// Key files lie where the file that names them says, also after a restart in
// another folder.
void ResolveKeyFiles(Resources& resources) {
  std::error_code error;
  const std::filesystem::path folder =
      std::filesystem::absolute(resources.file, error).parent_path();
  for (Shared<Tenant>& tenant : resources.tenants)
    for (Tunnel& tunnel : tenant.Edit().tunnels)
      for (Peer& peer : tunnel.peers)
        for (PeerKey& key : peer.keys)
          key.key_file = (folder / key.key_file).lexically_normal().string();
}

}  // namespace

absl::StatusOr<Resources> ParseResources(std::string_view file,
                                         std::string_view text,
                                         const EdgeConfig& edge,
                                         const Resources& in_force) {
  Resources resources;
  resources.file = std::string(file);
  Mistakes mistakes(file);
  const Tree tree = ParseYaml(text, mistakes);
  Fields fields(tree, "the file", mistakes);
  fields.Require("tenants");
  fields.ReadMaps("tenants", "tenant", [&](Fields& item) {
    resources.tenants.emplace_back(ReadTenant(item, Ids::kRefused));
  });
  fields.Done();
  ResolveDefaultVnets(resources, mistakes);
  ResolveKeyFiles(resources);
  GiveVnis(resources, in_force);
  CheckResources(resources, edge, mistakes);
  LoadSecrets(resources, mistakes);
  if (absl::Status status = mistakes.ToStatus(); !status.ok()) return status;
  return resources;
}

absl::StatusOr<Resources> ParseResources(std::string_view file,
                                         std::string_view text,
                                         const EdgeConfig& edge) {
  return ParseResources(file, text, edge, Resources());
}

}  // namespace rampart
