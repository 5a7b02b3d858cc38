-- Logs of the machines of one party, long things beside them, and who may write.

CREATE TABLE shelf (
    machine text NOT NULL,
    id bytea NOT NULL
);

CREATE TABLE log (
    number bigint PRIMARY KEY,
    machine text NOT NULL,
    id bytea NOT NULL,
    UNIQUE (machine, id)
);

CREATE TABLE entry (
    log bigint NOT NULL REFERENCES log,
    number bigint NOT NULL,
    bytes bytea NOT NULL,
    digest bytea NOT NULL,
    PRIMARY KEY (log, number)
);

-- Ciphertext, mostly: compressing it is in vain.
CREATE TABLE blob (
    contract bytea NOT NULL,
    hash bytea NOT NULL,
    piece integer NOT NULL,
    bytes bytea NOT NULL,
    PRIMARY KEY (contract, hash, piece)
);
ALTER TABLE blob ALTER COLUMN bytes SET STORAGE EXTERNAL;

-- One row. Each commit raises its count where epoch and token are the writer's, in the same transaction: whoever was overtaken finds none.
CREATE TABLE lease (
    is_one boolean PRIMARY KEY DEFAULT true CHECK (is_one),
    epoch bigint NOT NULL,
    token bytea NOT NULL,
    commits bigint NOT NULL,
    holder text,
    -- The writer's session, as pg_stat_activity has it.
    pid integer,
    started timestamptz,
    renewed timestamptz
);
INSERT INTO lease (epoch, token, commits) VALUES (0, '\x', 0);
