-- Who of several collectors reads the meters, and until when by the database's own clock.
CREATE TABLE "lease" (
  "name" TEXT NOT NULL PRIMARY KEY,
  "holder" TEXT NOT NULL,
  "until" TIMESTAMPTZ(3) NOT NULL
);
