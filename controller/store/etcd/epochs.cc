// SPDX-License-Identifier: Apache-2.0
#include "controller/store/etcd/epochs.h"

#include <sys/random.h>

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "controller/base/status.h"
#include "controller/base/text.h"

namespace rampart {
namespace {

// What goes into one transaction: etcd takes 128 changes and 1.5 MiB.
constexpr size_t kChangesMax = 100;
constexpr size_t kBytesMax = size_t{1} << 20;

std::string RandomText() {
  std::string bytes(16, '\0');
  RP_CHECK(getrandom(bytes.data(), bytes.size(), 0) ==
           static_cast<ssize_t>(bytes.size()));
  return absl::BytesToHexString(bytes);
}

absl::Status Missing(const std::string& key) {
  return absl::DataLossError(
      absl::StrCat("state in etcd: ", key, ": is missing or damaged"));
}

absl::Status Overtaken(const FleetRecord& newest) {
  return absl::AbortedError(absl::StrCat(
      "state in etcd: edge ", newest.edge, " has put epoch ",
      newest.epoch.epoch, " in force meanwhile (", newest.epoch.who, ": ",
      newest.epoch.what, "); look at it, then try again"));
}

std::map<std::string, uint32_t> TunnelIds(const Tenant& tenant) {
  std::map<std::string, uint32_t> ids;
  for (const Tunnel& tunnel : tenant.tunnels) ids[tunnel.name] = tunnel.id;
  return ids;
}

absl::flat_hash_map<std::string, const FleetVersion::Item*> ByName(
    const FleetVersion& version) {
  absl::flat_hash_map<std::string, const FleetVersion::Item*> items;
  for (const FleetVersion::Item& item : version.items)
    items.emplace(item.entry.name, &item);
  return items;
}

std::vector<FleetEntry> PageOf(const FleetVersion& version, size_t page) {
  std::vector<FleetEntry> entries;
  const size_t end = std::min(version.items.size(), (page + 1) * kPageEntries);
  for (size_t i = page * kPageEntries; i < end; ++i)
    entries.push_back(version.items[i].entry);
  return entries;
}

size_t Bytes(const std::vector<EtcdChanges::Put>& documents) {
  size_t bytes = 0;
  for (const EtcdChanges::Put& put : documents) bytes += put.value.size();
  return bytes;
}

}  // namespace

StoredResources FleetVersion::stored() const {
  StoredResources stored = {.epoch = record.epoch.epoch,
                            .resources = {.file = record.file},
                            .on_change = record.epoch.on_change};
  for (const Item& item : items)
    if (const auto& tenant = item.tenant->tenant)
      stored.resources.tenants.push_back(*tenant);
  return stored;
}

FleetVersion VersionOf(uint64_t store_id, const StoredResources& stored) {
  FleetVersion version;
  version.record.store_id = store_id;
  version.record.epoch.epoch = stored.epoch;
  version.record.epoch.on_change = stored.on_change;
  version.record.file = stored.resources.file;
  for (const Shared<Tenant>& tenant : stored.resources.tenants) {
    FleetTenant document = {
        .id = tenant->id, .tunnels = TunnelIds(tenant), .tenant = tenant};
    version.items.push_back(
        {.entry = {.name = tenant->name,
                   .digest = DigestOf(TenantToText(document))},
         .tenant = std::make_shared<FleetTenant>(std::move(document))});
  }
  return version;
}

void CollectIds(const FleetVersion& version, const FleetVersion* known,
                Ids& ids) {
  absl::flat_hash_set<const FleetTenant*> alike;
  if (known != nullptr)
    for (const FleetVersion::Item& item : known->items)
      alike.insert(item.tenant.get());
  for (const FleetVersion::Item& item : version.items) {
    if (alike.contains(item.tenant.get())) continue;
    ids.tenants[item.entry.name] = item.tenant->id;
    for (const auto& [tunnel, id] : item.tenant->tunnels)
      ids.tunnels[{item.entry.name, tunnel}] = id;
  }
}

absl::Status EtcdEpochs::Begin() {
  FleetRecord record = {.commit = RandomText(), .edge = edge_};
  while (record.store_id == 0)
    RP_CHECK(getrandom(&record.store_id, sizeof(record.store_id), 0) ==
             sizeof(record.store_id));
  return client_
      .Commit(
          {.unchanged = {{keys_.Head(), 0}},
           .puts = {{keys_.Head(), RecordToText(record)}, {keys_.Sweep(), ""}}})
      .status();
}

absl::StatusOr<std::shared_ptr<const FleetVersion>> EtcdEpochs::Newest(
    std::shared_ptr<const FleetVersion> known) {
  ASSIGN_OR_RETURN(const std::optional<EtcdValue> head,
                   client_.Get(keys_.Head()));
  if (!head)
    return absl::NotFoundError(
        absl::StrCat("etcd: ", keys_.Head(), ": there is no such key"));
  if (known != nullptr && known->revision == head->revision) return known;
  ASSIGN_OR_RETURN(FleetVersion version, ReadVersion(head->value, known.get()));
  version.revision = head->revision;
  return std::make_shared<const FleetVersion>(std::move(version));
}

// --- reading ---

absl::StatusOr<FleetVersion> EtcdEpochs::ReadVersion(
    const std::string& record, const FleetVersion* known) {
  FleetVersion version;
  ASSIGN_OR_RETURN(version.record, RecordFromText(record));
  ASSIGN_OR_RETURN(const std::vector<FleetEntry> entries,
                   ReadPages(version.record.pages, known));
  absl::flat_hash_map<std::string, const FleetVersion::Item*> items;
  if (known != nullptr) items = ByName(*known);
  std::vector<FleetEntry> unknown;
  for (const FleetEntry& entry : entries) {
    const auto it = items.find(entry.name);
    if (it != items.end() && it->second->entry.digest == entry.digest) {
      version.items.push_back({entry, it->second->tenant});
    } else {
      version.items.push_back({entry, nullptr});
      unknown.push_back(entry);
    }
  }
  ASSIGN_OR_RETURN(const std::vector<std::string> documents,
                   ReadDocuments(unknown));
  size_t next = 0;
  for (FleetVersion::Item& item : version.items) {
    if (item.tenant != nullptr) continue;
    ASSIGN_OR_RETURN(FleetTenant tenant, TenantFromText(documents[next++]));
    item.tenant = std::make_shared<const FleetTenant>(std::move(tenant));
  }
  return version;
}

absl::StatusOr<std::vector<FleetEntry>> EtcdEpochs::ReadPages(
    const std::vector<std::string>& digests, const FleetVersion* known) {
  absl::flat_hash_map<std::string, std::vector<FleetEntry>> pages;
  if (known != nullptr)
    for (size_t i = 0; i < known->record.pages.size(); ++i)
      pages.emplace(known->record.pages[i], PageOf(*known, i));
  std::vector<std::string> unknown;
  for (const std::string& digest : digests)
    if (!pages.contains(digest)) unknown.push_back(keys_.Page(digest));
  ASSIGN_OR_RETURN(const auto values, client_.GetAll(unknown));
  for (size_t i = 0; i < values.size(); ++i) {
    const auto& value = values[i];
    if (!value) return Missing(unknown[i]);
    std::string digest = DigestOf(value->value);
    if (keys_.Page(digest) != unknown[i]) return Missing(unknown[i]);
    ASSIGN_OR_RETURN(pages[std::move(digest)], PageFromText(value->value));
  }
  std::vector<FleetEntry> entries;
  for (const std::string& digest : digests)
    entries.insert(entries.end(), pages[digest].begin(), pages[digest].end());
  return entries;
}

absl::StatusOr<std::vector<std::string>> EtcdEpochs::ReadDocuments(
    const std::vector<FleetEntry>& entries) {
  std::vector<std::string> keys;
  for (const FleetEntry& entry : entries)
    for (size_t part = 0; part < entry.parts; ++part)
      keys.push_back(keys_.Part(entry.digest, part));
  ASSIGN_OR_RETURN(const auto values, client_.GetAll(keys));
  std::vector<std::string> documents;
  size_t next = 0;
  for (const FleetEntry& entry : entries) {
    std::string document;
    for (size_t part = 0; part < entry.parts; ++part, ++next)
      if (const auto& value = values[next]) document += value->value;
    if (DigestOf(document) != entry.digest)
      return Missing(keys_.Part(entry.digest, 0));
    documents.push_back(std::move(document));
  }
  return documents;
}

absl::StatusOr<FleetVersion> EtcdEpochs::Read(uint32_t epoch,
                                              const FleetVersion& known) {
  ASSIGN_OR_RETURN(const std::optional<EtcdValue> record,
                   client_.Get(keys_.Epoch(epoch)));
  if (record) return ReadVersion(record->value, &known);
  ASSIGN_OR_RETURN(
      const auto oldest,
      client_.List(keys_.Epochs(), {.keys_only = true, .limit = 1}));
  std::string name = "none";
  if (!oldest.empty())
    name =
        std::to_string(std::stoul(oldest[0].key.substr(keys_.Epochs().size())));
  return absl::NotFoundError(absl::StrCat(
      "epoch ", epoch, ": is not in the history; the oldest that is kept is ",
      name));
}

absl::StatusOr<std::vector<FleetRecord>> EtcdEpochs::Records(int limit) {
  if (limit <= 0) return std::vector<FleetRecord>();
  ASSIGN_OR_RETURN(
      const std::vector<EtcdValue> values,
      client_.List(keys_.Epochs(), {.backwards = true, .limit = limit}));
  std::vector<FleetRecord> records;
  for (const EtcdValue& value : values) {
    ASSIGN_OR_RETURN(FleetRecord record, RecordFromText(value.value));
    records.push_back(std::move(record));
  }
  return records;
}

absl::StatusOr<std::vector<FleetRecord>> EtcdEpochs::Records(uint32_t first,
                                                             uint32_t last) {
  std::vector<std::string> keys;
  for (uint32_t epoch = first; epoch <= last; ++epoch)
    keys.push_back(keys_.Epoch(epoch));
  ASSIGN_OR_RETURN(const auto values, client_.GetAll(keys));
  std::vector<FleetRecord> records;
  for (const std::optional<EtcdValue>& value : values) {
    if (!value) continue;
    ASSIGN_OR_RETURN(FleetRecord record, RecordFromText(value->value));
    records.push_back(std::move(record));
  }
  return records;
}

// --- writing ---

void EtcdEpochs::AddTenant(const FleetVersion::Item* before,
                           const std::string& name, FleetTenant tenant,
                           Draft& draft) const {
  const std::string text = TenantToText(tenant);
  FleetEntry entry = {.name = name,
                      .digest = DigestOf(text),
                      .parts = (text.size() + kPartBytes - 1) / kPartBytes};
  const bool changed =
      before == nullptr || before->entry.digest != entry.digest;
  if (changed) {
    draft.version.record.epoch.tenants.push_back(name);
    for (size_t part = 0; part < entry.parts; ++part)
      draft.documents.push_back(
          {.key = keys_.Part(entry.digest, part),
           .value = text.substr(part * kPartBytes, kPartBytes)});
  }
  draft.version.items.push_back(
      {.entry = std::move(entry),
       .tenant = std::make_shared<const FleetTenant>(std::move(tenant))});
}

void EtcdEpochs::AddPages(const FleetVersion& base, Draft& draft) const {
  const std::vector<std::string>& before = base.record.pages;
  for (size_t i = 0; i * kPageEntries < draft.version.items.size(); ++i) {
    std::string text = PageToText(PageOf(draft.version, i));
    std::string digest = DigestOf(text);
    if (std::find(before.begin(), before.end(), digest) == before.end())
      draft.documents.push_back(
          {.key = keys_.Page(digest), .value = std::move(text)});
    draft.version.record.pages.push_back(std::move(digest));
  }
}

EtcdEpochs::Draft EtcdEpochs::MakeDraft(const FleetVersion& base,
                                        const Resources& resources,
                                        const EpochNote& note) const {
  Draft draft;
  auto before = ByName(base);
  for (const Shared<Tenant>& tenant : resources.tenants) {
    const auto it = before.find(tenant->name);
    const FleetVersion::Item* item = it != before.end() ? it->second : nullptr;
    if (item != nullptr) before.erase(it);
    const Shared<Tenant>* same = nullptr;
    if (item != nullptr)
      if (const auto& stored = item->tenant->tenant) same = &*stored;
    if (same != nullptr && same->SameAs(tenant)) {
      draft.version.items.push_back(*item);
      continue;
    }
    FleetTenant document = {
        .id = tenant->id, .tunnels = TunnelIds(tenant), .tenant = tenant};
    if (item != nullptr)
      document.tunnels.insert(item->tenant->tunnels.begin(),
                              item->tenant->tunnels.end());
    AddTenant(item, tenant->name, std::move(document), draft);
  }
  for (const FleetVersion::Item& item : base.items) {
    if (!before.contains(item.entry.name)) continue;
    if (item.tenant->tenant)
      AddTenant(&item, item.entry.name,
                {.id = item.tenant->id, .tunnels = item.tenant->tunnels},
                draft);
    else
      draft.version.items.push_back(item);
  }
  AddPages(base, draft);
  FleetRecord& record = draft.version.record;
  std::sort(record.epoch.tenants.begin(), record.epoch.tenants.end());
  record.store_id = base.record.store_id;
  record.commit = RandomText();
  record.edge = edge_;
  record.epoch.epoch = note.from + 1;
  record.epoch.time = note.time;
  record.epoch.who = note.who;
  record.epoch.what = note.what;
  record.epoch.comment = note.comment;
  record.epoch.on_change = note.on_change;
  record.file = resources.file;
  record.bytes = Bytes(draft.documents);
  if (note.confirm_by)
    record.probation = {.epoch = note.from + 1,
                        .back_to = note.from,
                        .deadline = *note.confirm_by};
  return draft;
}

// In as many transactions as it takes: nobody sees documents that no epoch
// names.
absl::Status EtcdEpochs::Stage(const std::vector<EtcdChanges::Put>& documents) {
  EtcdChanges changes;
  size_t bytes = 0;
  for (const EtcdChanges::Put& document : documents) {
    if (changes.puts.size() == kChangesMax ||
        bytes + document.value.size() > kBytesMax) {
      RETURN_IF_ERROR(client_.Commit(changes).status());
      changes.puts.clear();
      bytes = 0;
    }
    changes.puts.push_back(document);
    bytes += document.value.size();
  }
  return client_.Commit(changes).status();
}

absl::StatusOr<std::shared_ptr<const FleetVersion>> EtcdEpochs::Commit(
    const FleetVersion& base, FleetVersion version, EtcdChanges changes) {
  const std::string text = RecordToText(version.record);
  changes.unchanged.emplace_back(keys_.Head(), base.revision);
  changes.puts.push_back({.key = keys_.Head(), .value = text});
  changes.puts.push_back(
      {.key = keys_.Epoch(version.record.epoch.epoch), .value = text});
  ASSIGN_OR_RETURN(version.revision, client_.Commit(changes));
  if (version.revision == 0) {
    // It may have been our own: an answer can get lost on its way.
    ASSIGN_OR_RETURN(const std::optional<EtcdValue> head,
                     client_.Get(keys_.Head()));
    if (!head) return Missing(keys_.Head());
    ASSIGN_OR_RETURN(const FleetRecord newest, RecordFromText(head->value));
    if (newest.commit != version.record.commit) {
      if (head->revision != base.revision) return Overtaken(newest);
      return absl::AbortedError(
          "state in etcd: it was swept meanwhile; try again");
    }
    version.revision = head->revision;
  }
  return std::make_shared<const FleetVersion>(std::move(version));
}

absl::StatusOr<std::shared_ptr<const FleetVersion>> EtcdEpochs::Write(
    const FleetVersion& base, const Resources& resources,
    const EpochNote& note) {
  Draft draft = MakeDraft(base, resources, note);
  if (draft.documents.size() <= kChangesMax &&
      draft.version.record.bytes <= kBytesMax)
    return Commit(base, std::move(draft.version),
                  {.puts = std::move(draft.documents)});
  ASSIGN_OR_RETURN(const std::optional<EtcdValue> sweep,
                   client_.Get(keys_.Sweep()));
  RETURN_IF_ERROR(Stage(draft.documents));
  return Commit(base, std::move(draft.version),
                {.unchanged = {{keys_.Sweep(), sweep ? sweep->revision : 0}}});
}

absl::StatusOr<std::shared_ptr<const FleetVersion>> EtcdEpochs::Confirm(
    const FleetVersion& base) {
  FleetVersion version = base;
  version.record.probation.reset();
  version.record.commit = RandomText();
  return Commit(base, std::move(version), {});
}

// --- sweeping ---

// Of what is kept, as it was at that revision; and drops the epochs that are
// not.
absl::StatusOr<std::vector<std::string>> EtcdEpochs::KeysInUse(
    int64_t revision) {
  ASSIGN_OR_RETURN(
      const std::vector<EtcdValue> values,
      client_.List(keys_.Epochs(), {.backwards = true, .revision = revision}));
  absl::flat_hash_set<std::string> pages;
  int64_t bytes = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    ASSIGN_OR_RETURN(const FleetRecord record, RecordFromText(values[i].value));
    bytes += static_cast<int64_t>(record.bytes);
    if (i >= 2 && (i >= kEpochsKept || bytes > kHistoryBytes)) {
      RETURN_IF_ERROR(client_
                          .Commit({.range_deletes = {{keys_.Epoch(0),
                                                      values[i].key + '\0'}}})
                          .status());
      break;
    }
    pages.insert(record.pages.begin(), record.pages.end());
  }
  std::vector<std::string> used;
  for (const std::string& page : pages) used.push_back(keys_.Page(page));
  ASSIGN_OR_RETURN(const auto texts, client_.GetAll(used));
  for (const std::optional<EtcdValue>& text : texts) {
    if (!text) continue;
    ASSIGN_OR_RETURN(const std::vector<FleetEntry> entries,
                     PageFromText(text->value));
    for (const FleetEntry& entry : entries)
      for (size_t part = 0; part < entry.parts; ++part)
        used.push_back(keys_.Part(entry.digest, part));
  }
  return used;
}

// A writer may be putting documents for an epoch that is not there yet. What he
// put before this began is in the list, but then his own commit fails, because
// the sweep key has changed since he began; what he puts later is not in the
// list, or has another revision by then.
absl::Status EtcdEpochs::Sweep() {
  ASSIGN_OR_RETURN(const int64_t began,
                   client_.Commit({.puts = {{keys_.Sweep(), edge_}}}));
  ASSIGN_OR_RETURN(const std::vector<std::string> in_use, KeysInUse(began));
  const absl::flat_hash_set<std::string> used(in_use.begin(), in_use.end());
  EtcdChanges changes;
  const auto drop = [&]() -> absl::Status {
    if (changes.deletes.empty()) return absl::OkStatus();
    const EtcdChanges batch = std::exchange(changes, {});
    return client_.Commit(batch).status();
  };
  for (const std::string& prefix : {keys_.Pages(), keys_.Objects()}) {
    ASSIGN_OR_RETURN(
        const std::vector<EtcdValue> there,
        client_.List(prefix, {.keys_only = true, .revision = began}));
    for (const EtcdValue& value : there) {
      if (used.contains(value.key)) continue;
      changes.unchanged.emplace_back(value.key, value.revision);
      changes.deletes.push_back(value.key);
      if (changes.deletes.size() == kChangesMax) RETURN_IF_ERROR(drop());
    }
  }
  return drop();
}

}  // namespace rampart
