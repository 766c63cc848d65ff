// SPDX-License-Identifier: Apache-2.0
// The cases that tests of whole flows run through: every form a tunnel may
// have, both outer and both inner families, every kind of protocol.
#ifndef RAMPART_TESTS_BPF_RAMPS_H_
#define RAMPART_TESTS_BPF_RAMPS_H_

#include <ostream>
#include <string>
#include <vector>

#include "tests/testing/edge.h"

namespace rampart::testing {

// A form of tunnel, without addresses.
struct Form {
  const char* name;
  rp_profile profile;
  bool variant1 = false;
  bool udp_csum = true;
  bool gre_key = false;
  uint8_t flags = 0;
};

inline constexpr Form kForms[] = {
    {.name = "Mac", .profile = RP_PROFILE_MAC},
    {.name = "MacNoSum", .profile = RP_PROFILE_MAC, .udp_csum = false},
    {.name = "Cookie", .profile = RP_PROFILE_COOKIE},
    {.name = "GreKey", .profile = RP_PROFILE_GRE_KEY},
    {.name = "None", .profile = RP_PROFILE_NONE},
    {.name = "NoneNoSum", .profile = RP_PROFILE_NONE, .udp_csum = false},
    {.name = "Variant1", .profile = RP_PROFILE_NONE, .variant1 = true},
    {.name = "Gre", .profile = RP_PROFILE_GRE},
    {.name = "GreWithKey", .profile = RP_PROFILE_GRE, .gre_key = true},
    {.name = "GreSum", .profile = RP_PROFILE_GRE, .flags = RP_PEER_GRE_CSUM},
    {.name = "GreKeySumSeq",
     .profile = RP_PROFILE_GRE,
     .gre_key = true,
     .flags = RP_PEER_GRE_CSUM | RP_PEER_GRE_SEQ},
};

// A tunnel of that form; GUE without UDP checksum over IPv6 is allowed to the
// peer (RFC 6935).
inline Tunnel TunnelOf(const Form& form, bool outer_v4) {
  Tunnel tunnel;
  tunnel.profile = form.profile;
  tunnel.variant1 = form.variant1;
  tunnel.udp_csum = form.udp_csum;
  tunnel.flags = form.flags;
  if (!outer_v4 && !form.udp_csum) tunnel.flags |= RP_PEER_ZERO_CSUM6;
  if (form.gre_key) tunnel.gre_key = 0xabcd0001;
  if (!outer_v4) {
    tunnel.edge = "2001:db8::1";
    tunnel.peer = "2001:db8::10";
  }
  return tunnel;
}

// A conversation from a site to the Internet.
struct Talk {
  const char* name;
  uint8_t proto;
};

inline constexpr Talk kTalks[] = {
    {"Udp", kUdp}, {"Tcp", kTcp}, {"Ping", kIcmp}, {"Sctp", kSctp}};

inline std::string FamilyName(bool v4) { return v4 ? "4" : "6"; }

}  // namespace rampart::testing

#endif  // RAMPART_TESTS_BPF_RAMPS_H_
