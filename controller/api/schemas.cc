// SPDX-License-Identifier: Apache-2.0
// The kinds of documents. A field that is added to a document is added here.
#include "controller/api/schema.h"

namespace rampart {
namespace {

constexpr DocumentKind kKinds[] = {
    {"apply", "What POST /v1/apply changed, or would change", R"(
dry_run boolean Whether nothing was changed
epoch integer Version of the configuration in force
added[] object Resources that were not there before
  kind string tenant, vnet, tunnel, route or policy
  tenant string
  name string Of a route: vnet and CIDR; of rules in another order: (order)
changed[] object
  kind string
  tenant string
  name string
removed[] object
  kind string
  tenant string
  name string
flows object What becomes of the flows there were
  live integer All flows
  changed integer Those that are decided otherwise now
  ends object How many end, by what was asked for
    keep integer
    recheck integer
    cut integer
  complete boolean False: there were too many to look at all
on_change string keep, recheck or cut
confirm_by string|null When the change is taken back unless it is confirmed
)"},
    {"config-diff", "What is in force on another edge and not here", R"(
edge string This one
epoch integer
peer string
peer_epoch integer
same boolean
added[] object Only there
  kind string tenant, vnet, tunnel, route or policy
  tenant string
  name string
changed[] object
  kind string
  tenant string
  name string
removed[] object Only here
  kind string
  tenant string
  name string
)"},
    {"confirmation", "An epoch that stays in force", R"(
epoch integer
)"},
    {"change", "What a write of one object changed, or would change", R"(
dry_run boolean Whether nothing was changed
epoch integer Version of the configuration in force
added[] object Resources that were not there before
  kind string tenant, vnet, tunnel, route or policy
  tenant string
  name string Of a route: vnet and CIDR; of rules in another order: (order)
changed[] object
  kind string
  tenant string
  name string
removed[] object
  kind string
  tenant string
  name string
kind string What the object is
object object As resources.yaml says it; of a delete, as it was
id? integer Of a tenant or tunnel
flows? integer Of a delete: live flows that use the object
)"},
    {"counters", "All that an edge counts, for rates", R"(
time_s number Unix time
devices[] object
  name string
  rx integer Packets as the kernel counts them
  forwarded object
    packets integer
    bytes integer
  passed object
    packets integer
    bytes integer
  punted object
    packets integer
    bytes integer
  dropped object
    packets integer
    bytes integer
  gap integer rx less the four above
  losses object Packets by id of a loss, if there were any
drops[] object
  id string
  reason string
  device string Or slow-path: dropped by the controller
  packets integer
  bytes integer
tenants[] object
  name string
  flows integer Now
  started integer In this run
  ended integer
  forwarded object
    packets integer
    bytes integer
  passed object
    packets integer
    bytes integer
  punted object
    packets integer
    bytes integer
  dropped object
    packets integer
    bytes integer
maps[] object
  name string
  entries integer
  capacity integer
  refused integer Entries that found no room, in this run
  memory integer|null Bytes
cpus[] object By number
  forwarded object
    packets integer
    bytes integer
  passed object
    packets integer
    bytes integer
  punted object
    packets integer
    bytes integer
  dropped object
    packets integer
    bytes integer
)"},
    {"devices", "Devices of the edge", R"(
devices[] object
  name string
  role string uplink or access
  state string attached, unused or missing
  mode string native or generic; "" if not attached
  why string Why generic, in the driver's words
  tenant string
  vnet string Of the interface tunnel on it
  tunnel string
  slot? integer Number of the device in the data plane
  ifindex? integer
  queues? integer Receive queues with a socket
  adopted? boolean Attached by an earlier run
  forwarded? integer Packets since it was attached, as all counters
  passed? integer To the kernel's own stack
  punted? integer To the controller
  dropped? integer
  rx? integer Packets that the device received
  gap? integer Received packets that no outcome explains
)"},
    {"drop-last", "The last dropped packets", R"(
samples[] object
)"},
    {"drop-reason", "A reason to drop", R"(
id string
reason string
area string
help string What it means
next string What to look at next
places[] string Where in the source packets were dropped for it
)"},
    {"drop-tenants", "Dropped packets by tenant and reason", R"(
drops[] object
  tenant string
  id string
  reason string
  packets integer
  bytes integer
)"},
    {"drop-top", "Reasons to drop by packets a second", R"(
seconds number Between both looks at the counters
drops[] object
  id string
  packets integer Since the counters began
  packets_s number
  last_s number|null Seconds since the newest packet that was kept
  top_tenant string
  hint string
  help? string
ledger object Packets in these seconds
  forwarded integer
  passed integer
  punted integer
  dropped integer
)"},
    {"drops", "Dropped packets by device and reason", R"(
drops[] object
  id string Stable, as RP-POL-001
  reason string
  device string slow-path: the controller
  packets integer
  bytes integer
  help string What the reason means
ledger[] object What became of the packets of each device
  device string
  forwarded integer
  passed integer
  punted integer
  dropped integer
)"},
    {"edges", "Edges that share a store", R"(
epoch integer In force on the edge that answers
edges[] object
  edge string
  api string Where it is reached; empty: only on itself
  version string
  epoch integer In force there
  started string
  this boolean Whether it is the edge that answers
)"},
    {"epochs", "The history of the configuration, newest first", R"(
epoch integer Version of the configuration in force
probation object|null The change that is taken back unless it is confirmed
  epoch integer
  back_to integer
  deadline string
epochs[] object
  epoch integer
  time string
  who string
  what string The command, or the file
  comment string
  on_change string What was asked for live flows: keep, recheck or cut
  tenants[] string Those that came, changed or went
)"},
    {"error", "Why a request failed", R"(
error object
  code string As invalid_argument, not_found
  message string
  lines[] string The message, a mistake in each
)"},
    {"explain", "What would become of a packet", R"(
verdict string
id? string Of the reason to deny, as reason, help and hint
reason? string
help? string
hint? string
packet string
from object
  device string
  tunnel string
  vnet string
  tenant string
ran object The program
  program string
  id integer
  tag string
epoch integer|null
controller boolean Whether it answered
steps[] object
route? object
pool? string
policy? object
would_pass_if[] object|string
)"},
    {"flow-events", "Flows that came or went", R"(
events[] object
  event string new or end
  tenant string
  vnet string Without resources its VNI
  proto string tcp, udp, icmp, ... or a number
  src string
  sport integer ICMP: identifier
  dst string
  dport integer
  to_src string After the rewrite
  to_sport integer
  to_dst string
  to_dport integer
  on_ramp string Tunnel, or internet
  off_ramp string
  state string ESTABLISHED, REPLIED, REFUSED, ...
  reason string Of a refusal
  packets[] integer Forward and reverse
  bytes[] integer Forward and reverse: IP total lengths
  idle_s number Seconds since the last packet
  expires_in_s number
  epoch integer Configuration that admitted it
  rule string Policy rule that let it in
)"},
    {"flow-history", "Records of the flow log", R"(
truncated boolean
records[]? object
rows[]? object Of a question in SQL: columns by their names
)"},
    {"flow-log", "The flow log of this edge", R"(
sequence? integer Of the last record
history string File
sinks[]? object
  name string
  waiting integer
  lost integer
  error string
)"},
    {"flow-reconcile", "Whether flows and devices have counted the same", R"(
devices[] object
  device string
  packets integer
  bytes integer
  refused_afterwards integer
forwarded object
  packets integer
  bytes integer
live object
  packets integer
  bytes integer
  flows integer
ended object
  packets integer
  bytes integer
  flows integer
made integer
before integer
while_reading integer
difference integer
equal boolean
)"},
    {"flows", "Flows, in the direction of their first packet", R"(
matched integer Flows that the selectors choose
truncated boolean Whether there are more than were asked for
flows[] object
  tenant string
  vnet string Without resources its VNI
  proto string tcp, udp, icmp, ... or a number
  src string
  sport integer ICMP: identifier
  dst string
  dport integer
  to_src string After the rewrite
  to_sport integer
  to_dst string
  to_dport integer
  on_ramp string Tunnel, or internet
  off_ramp string
  state string ESTABLISHED, REPLIED, REFUSED, ...
  reason string Of a refusal
  packets[] integer Forward and reverse
  bytes[] integer Forward and reverse: IP total lengths
  idle_s number Seconds since the last packet
  expires_in_s number
  epoch integer Configuration that admitted it
  rule string Policy rule that let it in
)"},
    {"map", "Entries of a map of the data plane", R"(
name string
truncated boolean
entries[] object Fields of key and value; without secrets
)"},
    {"map-pressure", "How full the maps are, and when they will be", R"(
maps[] object
  name string
  entries integer
  capacity integer
  refused integer|null Entries that found no room; null: nobody knows
  memory integer|null Bytes that the kernel keeps for it
  fill number 0 to 1
  entries_ps number What entries gained in a second
  full_in_s number|null Seconds at that rate; null: it does not fill
)"},
    {"maps", "Maps of the data plane", R"(
maps[] object
  name string
  key string C type
  value string C type
  entries integer In use
  capacity integer
)"},
    {"nat-pools", "Pools of external addresses", R"(
pools[] object
  name string
  blocks integer
  used integer
  resting integer Blocks that wait before another subscriber gets them
  fill number 0 to 1: used and resting
  full_in_s number|null Seconds at the present rate; null: it does not fill
  subscribers integer
  mappings object
    tcp integer
    udp integer
    icmp integer
  granted integer Mappings, since the start
  refused object By reason
  addresses[] object
    address string
    blocks integer
    used integer
    resting integer
    mappings object
      tcp integer
      udp integer
      icmp integer
)"},
    {"nat-ports", "The subscribers with the most ports", R"(
matched integer Subscribers there are
subscribers[] object
  tenant string
  vnet string
  inside string
  pool string
  outside string
  blocks integer
  ports integer
  mappings object
    tcp integer
    udp integer
    icmp integer
)"},
    {"nat-sessions", "NAT mappings in use", R"(
matched integer
truncated boolean
sessions[] object
  tenant string
  vnet string
  proto string
  inside string
  inside_port integer
  outside string
  outside_port integer
  remote string "" if the mapping is for any
  remote_port integer
  pool string
  flows integer That use it
)"},
    {"nat-whois", "Who had an external port", R"(
address string
port integer
from string|null Time asked about, RFC 3339
to string|null
owners[] object
  tenant string
  vnet string
  vni integer
  inside string
  pool string
  first_port integer
  last_port integer
  granted string|null
  released string|null null: it has the block still
)"},
    {"object", "One object of the resources", R"(
epoch integer Version of the configuration in force
kind string tenant, vnet, tunnel, route or policy
object object As resources.yaml says it
)"},
    {"policies", "Rules of all tenants, in the order in which they are tried",
     R"(
epoch integer
policies[] object
  tenant string
  name string
  action string allow, deny or reject
  match object
    vnet? string
    tunnel? string
    protocol? string
    sources[]? string
    destinations[]? string
    identities[]? string
    source_ports[]? string
    destination_ports[]? string
    icmp_types[]? string
    times[]? string UTC
    context? object
  layer? string ip if it is not there
  pool? string Instead of the route's
  limits? object
    rate? integer New flows per second
    concurrent? integer
    source_rate? integer Of one source address
    source_concurrent? integer
  log? boolean
  shadow? boolean Counted, not enforced
)"},
    {"policy-hits", "How often the rules have decided", R"(
since string When counting began
rules[] object
  tenant string
  rule string|null null: no rule matched
  action string allow, deny or reject
  shadow boolean It is counted, not enforced
  hits integer New flows; of a shadow rule, that it would have decided about
  differs integer Of these, those that a shadow rule would have decided otherwise
  limited integer Refused by its limits
  flows integer Live now, of those that began since
  last string|null
revoked[] object Flows refused because an identity is revoked
  tenant string
  flows integer
)"},
    {"policy-test", "What the tests of a policy say", R"(
file string Empty: the policy in force was tested
passed integer
failed integer
tests[] object
  tenant string
  name string
  passed boolean
  expect string
  says string What policy says
)"},
    {"policy-diff", "Live flows that other resources would decide otherwise",
     R"(
epoch integer Version of the configuration in force
truncated boolean Whether more flows change than are listed
flows object
  live integer All flows
  changed integer Those that would be decided otherwise
  ends object How many would end, by what is asked for
    keep integer
    recheck integer
    cut integer
  complete boolean False: there were too many to look at all
changes[] object A flow
  tenant string
  vnet string Without resources its VNI
  proto string tcp, udp, icmp, ... or a number
  src string
  sport integer ICMP: identifier
  dst string
  dport integer
  to_src string After the rewrite
  to_sport integer
  to_dst string
  to_dport integer
  on_ramp string Tunnel, or internet
  off_ramp string
  state string ESTABLISHED, REPLIED, REFUSED, ...
  reason string Of a refusal
  packets[] integer Forward and reverse
  bytes[] integer Forward and reverse: IP total lengths
  idle_s number Seconds since the last packet
  expires_in_s number
  epoch integer Configuration that admitted it
  rule string Policy rule that let it in
  fate string removed, revoked, refused or differs
  rule_then string Policy rule that would decide
  why string
)"},
    {"policy-rehearsal", "Flows of the past, decided about by other resources",
     R"(
flows integer Flows of the history
changed integer Those that would be decided otherwise
changes[] object Flows that have this in common
  tenant string
  vnet string
  was string allow or refuse
  rule string Policy rule that decided
  then string allow, refuse, or what is not there: no tenant, no vnet, no tunnel, no route
  rule_then string
  flows integer
  last string The newest
  example string The first
)"},
    {"preflight", "What attaching Rampart to a device would meet", R"(
device string
mode string auto, native or generic
result string ok, warnings or fail
checks[] object
  check string
  state string ok, WARN, FAIL, unknown; "-": a remark
  detail string
  command string That mends it; "" if nothing is to be mended
)"},
    {"resources", "All that an epoch holds, as resources.yaml has it", R"(
edge string The one that answers
epoch integer
tenants[] object As in resources.yaml
)"},
    {"route", "Which way an address goes", R"(
edge string
address string
route object The one that wins
  tenant string
  vnet string
  default boolean Whether the vnet is the tenant's default
  cidr string
  kind string tunnel, internet or blackhole
  pool? string
  tunnel? string
  type? string
  device? string
  peers? integer
  state? string Of the tunnel: up, degraded, down, waiting or unprobed
  peers_up? integer
  rtt_ms? number Of the nearest peer
lost[] object Routes that it beats
  tenant string
  vnet string
  default boolean
  cidr string
  kind string
  pool? string
  tunnel? string
  type? string
  device? string
  peers? integer
  state? string Of the tunnel: up, degraded, down, waiting or unprobed
  peers_up? integer
  rtt_ms? number Of the nearest peer
  why string
also[] object Routes to it in the tenant's other vnets
  tenant string
  vnet string
  default boolean
  cidr string
  kind string
  pool? string
  tunnel? string
  type? string
  device? string
  peers? integer
  state? string Of the tunnel: up, degraded, down, waiting or unprobed
  peers_up? integer
  rtt_ms? number Of the nearest peer
)"},
    {"route-advise", "Routes that hosts behind this edge need", R"(
edge string
advice[] object A tunnel to an interface of this edge
  tenant string
  vnet string
  tunnel string
  device string
  lines[] string Commands for its gateway, or for each host
  missing[] string Networks of a family in which the device has no address
)"},
    {"route-overlaps", "Routes that share addresses", R"(
epoch integer
total integer Pairs; more than are listed if there is a limit
overlaps[] object
  tenant string
  cidr string The wider one
  vnet string
  via string A tunnel, internet or blackhole
  other_cidr string
  other_vnet string
  other_via string
  kind string same or contains
  same_vnet boolean
  text string
)"},
    {"route-who-can", "Who may reach a network", R"(
epoch integer
cidr string
targets[] object Where it is
  tenant string
  vnet string
  default boolean
  part string Of the network
  cidr string Of the route
  via string A tunnel, internet or blackhole
access[] object What lets flows go there
  tenant string
  vnet string
  from[] string Tunnels
  sources[] string None: any
  identities[] string None: any
  context object What the tunnel must say
  at_times boolean Only at some
  to[] string
  protocol string
  ports[] string None: any
  rule string
  unless[] string Rules before it that may refuse
left_out integer Rows beyond the limit, at most
)"},
    {"routes", "Routes of all vnets", R"(
epoch integer
routes[] object
  tenant string
  vnet string
  cidr string
  kind string tunnel, internet or blackhole
  via string
  pool string
  comment string
)"},
    {"schemas", "Kinds of documents", R"(
kinds[] object
  kind string
  title string
)"},
    {"status", "The edge on one page", R"(
edge string
version string|null null: no controller runs
pid integer|null
uptime_s integer|null
adopted boolean The data plane is of an earlier run
epoch integer
tenants integer|null
flows object
  now integer
  capacity integer Directed entries of each family
  started integer|null
  ended integer|null
  adopted integer|null
nat object
  sessions integer
punts object
  total integer|null
  pending integer|null
  injected? integer What became of them in this run: put back on their way
  dropped? integer
  answered? integer
  waiting? integer For a neighbour, a record of ports, other fragments
  sent? integer By the data plane, in this run
  lost? integer That did not fit into a ring
  in_rings? integer Sent, and not taken yet
drops object
  packets integer
losses[]? object In kernel and devices, beside the outcomes
  id string
  reason string
  device string
  packets integer Since the program was attached
  help string
losses_unavailable? string Why losses behind verdicts are not counted
fleet? object The store that edges share
  store string
  reached boolean
  why string If it is not
  as_of string|null When this edge last knew the fleet's epoch; null: not since it was started
  stale_s integer|null
  copy string The file that stands in for it
degraded[] string What is missing
devices[] object As in devices
)"},
    {"tenant-usage", "What a tenant has and uses", R"(
tenant string
vnets integer
tunnels integer
routes integer
policies integer
flows object
  now integer
  started integer
  ended integer
nat_mappings integer
forwarded object
  packets integer
  bytes integer
passed object
  packets integer
  bytes integer
punted object
  packets integer
  bytes integer
dropped object
  packets integer
  bytes integer
)"},
    {"tenants", "Tenants", R"(
epoch integer
tenants[] object
  name string
  id integer
  default_vnet string
  vnets integer
  tunnels integer
  routes integer
  policies integer
  comment string
)"},
    {"top", "What is going on, per second", R"(
what string devices, flows, tenants, drops, maps or cpus
rows[] object The busiest first; fields that end in _ps are per second
)"},
    {"trace", "A packet on its way", R"(
time string Of the day
time_ns integer Of CLOCK_MONOTONIC
packet integer
device string
queue integer
cpu integer
tenant string
vnet string
verdict string forwarded, punted, passed or dropped
reason string Of a drop
steps[] object
  ns integer Since it came on
  stage string
  text string
)"},
    {"tunnels", "Tunnels of all tenants", R"(
epoch integer
tunnels[] object
  tenant string
  name string
  id integer
  type string gue, gre or interface
  vnet string
  peers[] object
    remote string
    key? integer gre
    checksum? boolean gre
    sequence? boolean gre
    auth? string gue: mac, cookie, gre-key or none
    variant? integer gue without authentication
    accept_zero_checksum? boolean gue
    keys[]? object gue; only where keys are, never keys
      key_id integer
      key_file string
    weight integer Share of the flows
    labels object
    state? string up, down, waiting or unprobed
    rtt_ms? number|null Of the last answer to a probe
    since? string|null When it became up or down
  probe object|null
    targets[] string
    interval_ms integer
    failures integer In a row, until a peer is down
    successes integer In a row, until it is up again
  state? string|null up, degraded, down, waiting or unprobed; null: interface
  edge string interface
  device string interface
  sources[] string Prefixes that may come on besides the routed ones
  comment string
)"},
    {"vnets", "Virtual networks of all tenants", R"(
epoch integer
vnets[] object
  tenant string
  name string
  vni integer
  default boolean
  router[] string
  comment string
)"},
};

}  // namespace

absl::Span<const DocumentKind> DocumentKinds() { return kKinds; }

}  // namespace rampart
