// SPDX-License-Identifier: Apache-2.0
// What xdpctl can be told to do: a function per noun, a file per function.
#ifndef RAMPART_TOOLS_XDPCTL_NOUNS_H_
#define RAMPART_TOOLS_XDPCTL_NOUNS_H_

#include <string>

namespace CLI {
class App;
}

namespace rampart::xdpctl {

class Session;

// Each adds its subcommands to `app`; their callbacks set session.result.
// session must outlive app.
void AddApply(CLI::App& app, Session& session);
void AddStatus(CLI::App& app, Session& session);
void AddDev(CLI::App& app, Session& session);
// To the noun dev.
void AddPreflight(CLI::App& dev, Session& session);
void AddEdge(CLI::App& app, Session& session);
void AddTenant(CLI::App& app, Session& session);
void AddVnet(CLI::App& app, Session& session);
void AddTunnel(CLI::App& app, Session& session);
void AddRoute(CLI::App& app, Session& session);
// overlaps, who-can and advise, to the noun route.
void AddRouteReach(CLI::App& route, Session& session);
void AddPolicy(CLI::App& app, Session& session);
// To the noun policy: diff; rehearse.
void AddPolicyDiff(CLI::App& policy, Session& session);
void AddPolicyRehearse(CLI::App& policy, Session& session);
void AddConfig(CLI::App& app, Session& session);
// export, import and diff, to the noun config.
void AddConfigCopies(CLI::App& config, Session& session);
void AddImport(CLI::App& config, Session& session);
// history, rollback and confirm: to the nouns config and policy.
void AddHistoryVerbs(CLI::App& noun, Session& session);
void AddFlow(CLI::App& app, Session& session);
// history, get, export and reconcile, of the flow log.
void AddFlowLog(CLI::App& flow, Session& session);
// To the noun flow.
void AddFlowWatch(CLI::App& flow, Session& session);
void AddNat(CLI::App& app, Session& session);
void AddDrop(CLI::App& app, Session& session);
void AddDropTools(CLI::App& drop, Session& session);
void AddExplain(CLI::App& app, Session& session);
void AddTrace(CLI::App& app, Session& session);
void AddCapture(CLI::App& app, Session& session);
void AddMap(CLI::App& app, Session& session);
void AddTop(CLI::App& app, Session& session);
void AddSchema(CLI::App& app, Session& session);
// help, examples, completion.
void AddMeta(CLI::App& app, Session& session);

}  // namespace rampart::xdpctl

#endif  // RAMPART_TOOLS_XDPCTL_NOUNS_H_
