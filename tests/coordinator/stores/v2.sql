-- A store of schema version 2: the same rows as in v1.sql, migrated by a program of that version.
PRAGMA journal_mode = WAL;
PRAGMA user_version = 2;
PRAGMA application_id = 1129076308;
BEGIN TRANSACTION;
CREATE TABLE audit(
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  source TEXT NOT NULL,
  position INTEGER NOT NULL,
  site TEXT NOT NULL,
  at INTEGER NOT NULL,
  line TEXT NOT NULL);
INSERT INTO "audit" VALUES(1,'ed25519:ab',7,'acme.us-east-1.aws.byoc.example.com',1795273200,'line with ''quotes'', ü and
a line feed');
INSERT INTO "audit" VALUES(2,'ed25519:ab',9,'',1795273201,'');
CREATE TABLE audit_share(
  site TEXT NOT NULL,
  source TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  PRIMARY KEY(site, source)) WITHOUT ROWID;
INSERT INTO "audit_share" VALUES('','ed25519:ab',128);
INSERT INTO "audit_share" VALUES('acme.us-east-1.aws.byoc.example.com','ed25519:ab',166);
CREATE TABLE notes(
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id BLOB NOT NULL UNIQUE CHECK(length(id) = 32),
  note TEXT NOT NULL,
  arrived INTEGER NOT NULL);
INSERT INTO "notes" VALUES(1,X'05049AE55312125428F8CF15DEBB1DF1EA08CBFEDAF673BA77FAA6C2E4819CB6','culvert/root/v1
kind: vendor
vendor: vendor.example
vendor-id: self
epoch: 1
previous: none
issued: 2026-11-22T09:33:26Z
expires: 2027-11-22T09:33:26Z
threshold: root 1
key: root carol@vendor.example ed25519:7fd0a26d0eae8e1e8884ef33dd0b1f4b861c35ae3b2452109ab6a01cd7ded4eb
key: approvers carol@vendor.example ed25519:de449a509381b39161155404d49475107355d5a523553163a5f03933bed47594
key: device-admission carol@vendor.example ed25519:909e4df77f538bdb52b3ecd81b722996e61a1987683299ad5e2c5a02a04ac8a8
key: directory carol@vendor.example ed25519:cff969a9cd2ecd7d90d61eb666602a2661145c43ee2a3e86decdddf967eacdf2

— carol@vendor.example v07G3YpdCpzhkXwpHq6U8qqpKou3fKerLbhkgeqkpRxCUP1GHUTAs1xj2Tg9CTWqx6bKMGLlfy5w5EH0oxh7i4Nzzgo=
',1795340006);
INSERT INTO "notes" VALUES(2,X'9D554BD1432F1FEFC9C944AEE47FF2F1E25CFE2BC81B27AF980D08F0C4126DC4','culvert/root/v1
kind: vendor
vendor: vendor.example
vendor-id: sha256:05049ae55312125428f8cf15debb1df1ea08cbfedaf673ba77faa6c2e4819cb6
epoch: 2
previous: sha256:05049ae55312125428f8cf15debb1df1ea08cbfedaf673ba77faa6c2e4819cb6
issued: 2026-11-22T09:33:26Z
expires: 2027-11-22T09:33:26Z
coordinator: https://control.vendor.example:7443 x25519:a0016c5e17a2124b42e2d0e8178a3a19b2af64de38eb98d99a6f3c3dcce0434b
threshold: root 1
key: root carol@vendor.example ed25519:7fd0a26d0eae8e1e8884ef33dd0b1f4b861c35ae3b2452109ab6a01cd7ded4eb
key: approvers carol@vendor.example ed25519:de449a509381b39161155404d49475107355d5a523553163a5f03933bed47594
key: device-admission carol@vendor.example ed25519:909e4df77f538bdb52b3ecd81b722996e61a1987683299ad5e2c5a02a04ac8a8
key: directory carol@vendor.example ed25519:cff969a9cd2ecd7d90d61eb666602a2661145c43ee2a3e86decdddf967eacdf2
key: lease lease@vendor.example ed25519:fc3ecdd4d5b5e8700063f297ca89d9014c8aa2a862c27aa6f7446762a8dfd3a1
key: ticket ticket@vendor.example ed25519:a913cd8e7299e60297483cbff0aafd236ca38085e17f9e4e91b7cc696b096927

— carol@vendor.example v07G3dYyRP3Vhmdu8jFHUVV8L6MaI/PIAjMV7Rpp7xr/tmy2FvHRnBUca5GoI9qudGZ1BM3BdWwXUoGZA5gg4pb4mAU=
',1795340006);
INSERT INTO "notes" VALUES(3,X'82545BBC2278AFDB5C15410DA3DDC680216FEB376ED3A886D6C8DB456C207576','culvert/root/v1
kind: site
site: acme.us-east-1.aws.byoc.example.com
site-id: self
epoch: 1
previous: none
issued: 2026-11-22T09:33:26Z
expires: 2027-11-22T09:33:26Z
vendor-id: sha256:05049ae55312125428f8cf15debb1df1ea08cbfedaf673ba77faa6c2e4819cb6
vendor-approvals: 1
policy-by: root
threshold: root 1
threshold: approvers 1
key: root bob@acme.example ed25519:fca176ad4e434ec1f0308ba82348cb3defc67d6b871a4a1784c92ba2700b0f76
key: approvers bob@acme.example ed25519:06f039b993c6d7e456aae5d72a9d6164d1e7feef8d4496eab41f4f8c1b2a8dca
key: enrolment bob@acme.example ed25519:bd891ae015a6e0692cd6ff7c09fa564e0678030930c81f2065706488a76589ee

— bob@acme.example 6U6uhCKNuk8CrpPiXa+dbpsBZMog9wawEnw3PWCiOfGTFWH65rbD8CvkNvprzXVjqhUE9sLB565W0gJvNL5SIC1Gjg8=
',1795340007);
INSERT INTO "notes" VALUES(4,X'BB786B654032334831D0ABCBE26176A02A0DC5B64BF407D299B9559F59ADA086','culvert/policy/v1
site: acme.us-east-1.aws.byoc.example.com
site-id: sha256:82545bbc2278afdb5c15410da3ddc680216feb376ed3a886d6c8db456c207576
serial: 1
previous: none
issued: 2026-11-22T09:33:26Z
lease: 30s
service: api.acme.us-east-1.aws.byoc.example.com tls 443 agent
allow: api.acme.us-east-1.aws.byoc.example.com group=oncall max=3600s vendor=1 customer=1 scope=connect

— bob@acme.example 6U6uhEGYFWOlMWex4q3MR93I4hGXKaJzNb35Wfxdg/IMxTTEMctZqD4BmxR1iCYGRZVsdojZSz8iHiNYCa0Myzyp6gw=
',1795340007);
INSERT INTO "notes" VALUES(5,X'BC825FC97402A55CA7335ECC6D627F8A002397BCE3E6046737F8474FB09A8F24','culvert/site/v1
vendor-id: sha256:05049ae55312125428f8cf15debb1df1ea08cbfedaf673ba77faa6c2e4819cb6
site: acme.us-east-1.aws.byoc.example.com
site-id: sha256:82545bbc2278afdb5c15410da3ddc680216feb376ed3a886d6c8db456c207576
issued: 2026-11-22T09:33:26Z

— carol@vendor.example hJET4wobY2I+7vZ666lfyf36+8R7sa6ZHeKKYt7Bvn4Um/U+287flPtiCbLWEq36MLdW+Qi8CrffBwvefzQYj4u1FQo=
',1795340007);
CREATE INDEX audit_by_site ON audit(site, number);
CREATE UNIQUE INDEX audit_by_source ON audit(source, position);
CREATE INDEX audit_share_by_bytes ON audit_share(site, bytes);
CREATE INDEX audit_by_share ON audit(site, source, number);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('notes',5);
INSERT INTO "sqlite_sequence" VALUES('audit',2);
COMMIT;
