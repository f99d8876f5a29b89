-- Never used here: a database in a file has one collector. It keeps the models the same everywhere.
CREATE TABLE "lease" (
  "name" TEXT NOT NULL PRIMARY KEY,
  "holder" TEXT NOT NULL,
  "until" DATETIME NOT NULL
);
