// SPDX-License-Identifier: Apache-2.0
#include "controller/dataplane/dry_run.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <net/ethernet.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "controller/base/status.h"
#include "controller/base/unique_fd.h"
#include "controller/dataplane/event_ring.h"
#include "controller/dataplane/offline.h"
#include "controller/dataplane/watch_claim.h"
#include "maps/ramp.h"

namespace rampart {
namespace {

constexpr size_t kRingBytes = 256 << 10;  // the events of one packet, and room
constexpr size_t kFrameMax = 3500;        // what a test run's page holds

std::string Who(uint32_t slot) {
  return absl::StrCat("dry run on device slot ", slot);
}

// The program that the device runs.
absl::StatusOr<UniqueFd> ProgramOf(uint32_t slot, uint32_t ifindex) {
  LIBBPF_OPTS(bpf_xdp_query_opts, options);
  if (const int error = bpf_xdp_query(static_cast<int>(ifindex), 0, &options);
      error != 0)
    return absl::ErrnoToStatus(
        -error, absl::StrCat(Who(slot), ": ask interface ", ifindex,
                             " for its program (of this network namespace?)"));
  if (options.prog_id == 0)
    return absl::NotFoundError(absl::StrCat(Who(slot), ": interface ", ifindex,
                                            " runs no XDP program"));
  UniqueFd fd(bpf_prog_get_fd_by_id(options.prog_id));
  if (!fd.valid())
    return absl::ErrnoToStatus(
        errno, absl::StrCat(Who(slot), ": program ", options.prog_id));
  return fd;
}

class Runner final : public DryRunner {
 public:
  Runner(std::unique_ptr<MapReader> maps, std::unique_ptr<WatchClaim> claim,
         std::unique_ptr<EventRing> ring)
      : maps_(std::move(maps)),
        claim_(std::move(claim)),
        ring_(std::move(ring)) {}

  absl::StatusOr<DryResult> Run(uint32_t slot,
                                absl::Span<const uint8_t> frame) override;

 private:
  absl::StatusOr<uint32_t> IfindexOf(uint32_t slot) const;
  absl::Status RunProgram(int program, absl::Span<const uint8_t> frame,
                          DryResult& result) const;

  const std::unique_ptr<MapReader> maps_;
  const std::unique_ptr<WatchClaim> claim_;
  const std::unique_ptr<EventRing> ring_;
};

absl::StatusOr<uint32_t> Runner::IfindexOf(uint32_t slot) const {
  ASSIGN_OR_RETURN(const rp_device device,
                   maps_->Get<rp_device>("rp_devices", slot));
  if (device.role == RP_ROLE_NONE)
    return absl::NotFoundError(absl::StrCat(Who(slot), ": it has no device"));
  return device.ifindex;
}

absl::Status Runner::RunProgram(int program, absl::Span<const uint8_t> frame,
                                DryResult& result) const {
  const rp_dry_run header = {RP_DRY_RUN, claim_->indexes()[0]};
  std::vector<uint8_t> in(sizeof(header) + frame.size());
  std::memcpy(in.data(), &header, sizeof(header));
  std::memcpy(in.data() + sizeof(header), frame.data(), frame.size());
  xdp_md context = {};
  context.data = sizeof(header);
  context.data_end = static_cast<uint32_t>(in.size());
  result.output.resize(kFrameMax + 512);
  xdp_md after = {};
  LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = in.data(),
              .data_out = result.output.data(),
              .data_size_in = static_cast<uint32_t>(in.size()),
              .data_size_out = static_cast<uint32_t>(result.output.size()),
              .ctx_in = &context, .ctx_out = &after,
              .ctx_size_in = sizeof(context), .ctx_size_out = sizeof(after));
  if (const int error = bpf_prog_test_run_opts(program, &options); error != 0)
    return absl::ErrnoToStatus(-error, "dry run: test run");
  result.action = options.retval;
  // The metadata may still be in front.
  const size_t front = std::min<size_t>(after.data, options.data_size_out);
  result.output.resize(options.data_size_out);
  result.output.erase(result.output.begin(),
                      result.output.begin() + static_cast<ptrdiff_t>(front));
  return absl::OkStatus();
}

absl::StatusOr<DryResult> Runner::Run(uint32_t slot,
                                      absl::Span<const uint8_t> frame) {
  if (frame.size() < ETHER_HDR_LEN || frame.size() > kFrameMax)
    return absl::InvalidArgumentError(absl::StrCat(
        Who(slot), ": a frame of ", frame.size(), " bytes: ", ETHER_HDR_LEN,
        " to ", kFrameMax, " can be run"));
  ASSIGN_OR_RETURN(const uint32_t ifindex, IfindexOf(slot));
  ASSIGN_OR_RETURN(const UniqueFd program, ProgramOf(slot, ifindex));
  DryResult result;
  bpf_prog_info info = {};
  uint32_t length = sizeof(info);
  if (bpf_obj_get_info_by_fd(program.get(), &info, &length) != 0)
    return absl::ErrnoToStatus(errno, Who(slot) + ": ask for the program");
  result.program_id = info.id;
  result.program = info.name;
  result.tag = absl::BytesToHexString(absl::string_view(
      reinterpret_cast<const char*>(info.tag), sizeof(info.tag)));
  claim_->Renew();
  RETURN_IF_ERROR(RunProgram(program.get(), frame, result));
  const absl::StatusOr<int> read =
      ring_->Read([&](const rp_event& event, absl::Span<const uint8_t> bytes) {
        result.events.push_back({event, {bytes.begin(), bytes.end()}});
      });
  if (!read.ok()) return read.status();
  return result;
}

}  // namespace

absl::StatusOr<std::unique_ptr<DryRunner>> DryRunner::Open(
    std::string_view bpffs, std::string_view edge) {
  ASSIGN_OR_RETURN(std::unique_ptr<MapReader> maps,
                   OpenPinnedMaps(bpffs, edge));
  ASSIGN_OR_RETURN(std::unique_ptr<WatchClaim> claim,
                   WatchClaim::Take(bpffs, edge, 1, kRingBytes));
  ASSIGN_OR_RETURN(std::unique_ptr<EventRing> ring,
                   EventRing::Of(claim->ring()));
  return std::unique_ptr<DryRunner>(std::make_unique<Runner>(
      std::move(maps), std::move(claim), std::move(ring)));
}

}  // namespace rampart
