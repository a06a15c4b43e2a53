CREATE TABLE attempts (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    project_id INTEGER NOT NULL,
    task_id INTEGER NOT NULL,
    number INTEGER NOT NULL,
    state TEXT NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    key_id TEXT,
    key_label TEXT,
    base_url TEXT,
    remote_id TEXT,
    intent_at DOUBLE,
    accepted_at DOUBLE,
    ended_at DOUBLE,
    sent JSON,
    cost BIGINT,
    cost_currency TEXT,
    charge TEXT NOT NULL,
    failure JSON,
    evidence TEXT,
    request_id TEXT,
    rev BIGINT NOT NULL,
    created_at DOUBLE NOT NULL,
    waited_at DOUBLE,
    confirmed_at DOUBLE,
    agent TEXT,
    worker TEXT
);
CREATE INDEX attempts_intents ON attempts (provider, intent_at) WHERE intent_at IS NOT NULL;
CREATE UNIQUE INDEX attempts_of_task ON attempts (task_id, number);
CREATE INDEX attempts_again ON attempts (task_id, id) WHERE number > 1;
CREATE INDEX attempts_open ON attempts (provider) WHERE state IN ('sending', 'accepted', 'unknown', 'abandoned');
CREATE INDEX attempts_remote ON attempts (provider, remote_id) WHERE remote_id IS NOT NULL;
CREATE INDEX attempts_succeeded ON attempts (provider, id) WHERE state = 'succeeded';
CREATE INDEX attempts_unsettled ON attempts (provider, key_id, intent_at) WHERE charge IN ('estimated', 'assumed', 'unknown') AND remote_id IS NOT NULL;
CREATE TABLE balances (
    id INTEGER NOT NULL,
    provider TEXT NOT NULL,
    key_id TEXT NOT NULL,
    key_label TEXT NOT NULL,
    at DOUBLE NOT NULL,
    reason TEXT NOT NULL,
    amount BIGINT NOT NULL,
    currency TEXT NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX balances_of_key ON balances (provider, key_id, at);
CREATE TABLE batches (
    batch INTEGER NOT NULL,
    project_id INTEGER NOT NULL,
    live INTEGER NOT NULL,
    ended INTEGER NOT NULL,
    notified_at DOUBLE,
    PRIMARY KEY (batch)
);
CREATE INDEX batches_unnotified ON batches (batch) WHERE notified_at IS NULL AND live = 0 AND ended > 0;
CREATE TABLE candidates (
    id INTEGER NOT NULL,
    project_id INTEGER NOT NULL,
    shot_id INTEGER NOT NULL,
    task_id INTEGER,
    number INTEGER NOT NULL,
    image TEXT,
    image_url TEXT,
    width INTEGER,
    height INTEGER,
    bytes BIGINT,
    provider TEXT,
    model TEXT NOT NULL,
    prompt TEXT NOT NULL,
    seed BIGINT,
    rejected BOOLEAN DEFAULT '0' NOT NULL,
    rev BIGINT NOT NULL,
    created_at DOUBLE NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (task_id)
);
CREATE INDEX candidates_of_shot ON candidates (shot_id, number);
CREATE TABLE heartbeat (
    name TEXT NOT NULL,
    pid INTEGER NOT NULL,
    host TEXT NOT NULL,
    started_at DOUBLE NOT NULL,
    at DOUBLE NOT NULL,
    leads BOOLEAN NOT NULL,
    PRIMARY KEY (name)
);
CREATE TABLE key_usage (
    provider TEXT NOT NULL,
    key_id TEXT NOT NULL,
    name TEXT NOT NULL,
    submitted INTEGER DEFAULT '0' NOT NULL,
    succeeded INTEGER DEFAULT '0' NOT NULL,
    failed INTEGER DEFAULT '0' NOT NULL,
    last_used_at DOUBLE,
    cooling_until DOUBLE,
    health TEXT DEFAULT 'usable' NOT NULL,
    next_at DOUBLE,
    PRIMARY KEY (provider, key_id)
);
CREATE TABLE ledger_daily (
    day INTEGER NOT NULL,
    project_id INTEGER NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    key_id TEXT NOT NULL,
    state TEXT NOT NULL,
    kind TEXT NOT NULL,
    charge TEXT NOT NULL,
    currency TEXT NOT NULL,
    n INTEGER NOT NULL,
    cost BIGINT NOT NULL,
    PRIMARY KEY (day, project_id, provider, model, key_id, state, kind, charge, currency)
)
 WITHOUT ROWID;
CREATE TABLE ledger_lines (
    n INTEGER NOT NULL,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    row_id INTEGER NOT NULL,
    body TEXT NOT NULL,
    previous TEXT NOT NULL,
    hash TEXT NOT NULL,
    PRIMARY KEY (n)
);
CREATE TABLE llm_calls (
    id INTEGER NOT NULL,
    project_id INTEGER NOT NULL,
    kind TEXT NOT NULL,
    piece_id INTEGER,
    shot_id INTEGER,
    model TEXT NOT NULL,
    key_label TEXT NOT NULL,
    base_url TEXT NOT NULL,
    state TEXT NOT NULL,
    tokens_in INTEGER,
    tokens_out INTEGER,
    cost BIGINT,
    cost_currency TEXT,
    answer TEXT,
    failure JSON,
    settled BOOLEAN DEFAULT '0' NOT NULL,
    created_at DOUBLE NOT NULL,
    ended_at DOUBLE,
    prompt_digest TEXT,
    agent TEXT,
    PRIMARY KEY (id)
);
CREATE INDEX ledger_lines_of_row ON ledger_lines (kind, row_id, n);
CREATE INDEX llm_calls_of_agent ON llm_calls (agent, created_at) WHERE agent IS NOT NULL;
CREATE INDEX llm_calls_lost ON llm_calls (project_id, id) WHERE state = 'unknown' AND NOT settled;
CREATE INDEX llm_calls_of_piece ON llm_calls (piece_id, id) WHERE piece_id IS NOT NULL;
CREATE INDEX llm_calls_of_project ON llm_calls (project_id, id);
CREATE INDEX llm_calls_of_shot ON llm_calls (shot_id, id) WHERE shot_id IS NOT NULL;
CREATE INDEX llm_calls_open ON llm_calls (id) WHERE state = 'sending';
CREATE TABLE log (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    at DOUBLE NOT NULL,
    level TEXT NOT NULL,
    project_id INTEGER,
    task_id INTEGER,
    code TEXT NOT NULL,
    params JSON
);
CREATE INDEX log_level ON log (level, id);
CREATE INDEX log_project ON log (project_id, level, id);
CREATE INDEX log_task ON log (task_id, id) WHERE task_id IS NOT NULL;
CREATE TABLE project_settings (
    project_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    value JSON,
    PRIMARY KEY (project_id, name)
);
CREATE TABLE projects (
    id INTEGER NOT NULL,
    name TEXT NOT NULL,
    created_at DOUBLE NOT NULL,
    archived_at DOUBLE,
    deleted_at DOUBLE,
    PRIMARY KEY (id),
    UNIQUE (name)
);
CREATE TABLE prompt_versions (
    id INTEGER NOT NULL,
    shot_id INTEGER NOT NULL,
    number INTEGER NOT NULL,
    text TEXT NOT NULL,
    negative_prompt TEXT,
    author TEXT NOT NULL,
    writer TEXT NOT NULL,
    created_at DOUBLE NOT NULL,
    PRIMARY KEY (id)
);
CREATE UNIQUE INDEX prompt_versions_of_shot ON prompt_versions (shot_id, number);
CREATE TABLE requests (
    id INTEGER NOT NULL,
    caller TEXT NOT NULL,
    "key" TEXT NOT NULL,
    digest TEXT NOT NULL,
    owner TEXT NOT NULL,
    written BOOLEAN DEFAULT '0' NOT NULL,
    status INTEGER,
    answer TEXT,
    created_at DOUBLE NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX requests_age ON requests (created_at);
CREATE UNIQUE INDEX requests_key ON requests (caller, "key");
CREATE TABLE revision (
    id INTEGER NOT NULL,
    n BIGINT NOT NULL,
    PRIMARY KEY (id)
);
CREATE TABLE script_pieces (
    id INTEGER NOT NULL,
    script_id INTEGER NOT NULL,
    place INTEGER NOT NULL,
    first_line INTEGER NOT NULL,
    last_line INTEGER NOT NULL,
    text TEXT NOT NULL,
    state TEXT NOT NULL,
    answer JSON,
    failure JSON,
    PRIMARY KEY (id)
);
CREATE UNIQUE INDEX script_pieces_of_script ON script_pieces (script_id, place);
CREATE TABLE scripts (
    id INTEGER NOT NULL,
    project_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    text TEXT NOT NULL,
    digest TEXT NOT NULL,
    model TEXT NOT NULL,
    state TEXT NOT NULL,
    first INTEGER DEFAULT '1' NOT NULL,
    created_at DOUBLE NOT NULL,
    stored_at DOUBLE,
    deleted_at DOUBLE,
    PRIMARY KEY (id)
);
CREATE INDEX scripts_of_project ON scripts (project_id, id) WHERE deleted_at IS NULL;
CREATE TABLE sessions (
    digest TEXT NOT NULL,
    purpose TEXT NOT NULL,
    role TEXT NOT NULL,
    name TEXT NOT NULL,
    credential_digest TEXT NOT NULL,
    expires_at DOUBLE NOT NULL,
    login TEXT,
    PRIMARY KEY (digest)
);
CREATE INDEX sessions_by_end ON sessions (expires_at);
CREATE TABLE shot_counts (
    project_id INTEGER NOT NULL,
    traits INTEGER NOT NULL,
    n INTEGER NOT NULL,
    PRIMARY KEY (project_id, traits)
);
CREATE TABLE shots (
    id INTEGER NOT NULL,
    project_id INTEGER NOT NULL,
    number TEXT NOT NULL,
    position BIGINT NOT NULL,
    prompt TEXT NOT NULL,
    image TEXT,
    image_url TEXT,
    last_frame TEXT,
    last_frame_url TEXT,
    "references" JSON DEFAULT '[]' NOT NULL,
    params JSON,
    extra JSON,
    script TEXT NOT NULL,
    picture_prompt TEXT DEFAULT '' NOT NULL,
    chain TEXT DEFAULT '' NOT NULL,
    follows INTEGER,
    identity TEXT,
    chosen_take_id INTEGER,
    live_count INTEGER DEFAULT '0' NOT NULL,
    completed_count INTEGER DEFAULT '0' NOT NULL,
    failed_count INTEGER DEFAULT '0' NOT NULL,
    drawing_count INTEGER DEFAULT '0' NOT NULL,
    search_text TEXT NOT NULL,
    rev BIGINT NOT NULL,
    changed_rev BIGINT NOT NULL,
    created_at DOUBLE NOT NULL,
    deleted_at DOUBLE,
    PRIMARY KEY (id)
);
CREATE INDEX shots_all ON shots (project_id, position) WHERE deleted_at IS NULL;
CREATE INDEX shots_chain ON shots (project_id, chain, position) WHERE chain <> '' AND deleted_at IS NULL;
CREATE INDEX shots_changed ON shots (project_id, changed_rev);
CREATE INDEX shots_choice ON shots (chosen_take_id) WHERE chosen_take_id IS NOT NULL;
CREATE INDEX shots_chosen ON shots (project_id, position) WHERE deleted_at IS NULL AND chosen_take_id IS NOT NULL;
CREATE INDEX shots_failed ON shots (project_id, position) WHERE deleted_at IS NULL AND failed_count > 0;
CREATE INDEX shots_follows ON shots (follows) WHERE follows IS NOT NULL;
CREATE INDEX shots_identity ON shots (project_id, identity) WHERE identity IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX shots_number ON shots (project_id, number, position) WHERE deleted_at IS NULL;
CREATE INDEX shots_running ON shots (project_id, position) WHERE deleted_at IS NULL AND live_count > 0;
CREATE INDEX shots_to_choose ON shots (project_id, position) WHERE deleted_at IS NULL AND completed_count > 0 AND chosen_take_id IS NULL;
CREATE INDEX shots_without_picture ON shots (project_id, position) WHERE deleted_at IS NULL AND image IS NULL AND image_url IS NULL AND follows IS NULL AND drawing_count = 0;
CREATE INDEX shots_without_prompt ON shots (project_id, position) WHERE deleted_at IS NULL AND prompt = '';
CREATE INDEX shots_without_takes ON shots (project_id, position) WHERE deleted_at IS NULL AND completed_count = 0 AND live_count = 0;
CREATE TABLE stage_times_daily (
    day INTEGER NOT NULL,
    project_id INTEGER NOT NULL,
    provider TEXT NOT NULL,
    stage TEXT NOT NULL,
    centiseconds BIGINT NOT NULL,
    n INTEGER NOT NULL,
    PRIMARY KEY (stage, centiseconds, project_id, provider, day)
)
 WITHOUT ROWID;
CREATE TABLE state (
    name TEXT NOT NULL,
    value JSON,
    PRIMARY KEY (name)
);
CREATE TABLE takes (
    id INTEGER NOT NULL,
    project_id INTEGER NOT NULL,
    shot_id INTEGER NOT NULL,
    task_id INTEGER NOT NULL,
    parent_id INTEGER,
    stands_in BOOLEAN DEFAULT '0' NOT NULL,
    number INTEGER NOT NULL,
    folder TEXT NOT NULL,
    file TEXT NOT NULL,
    poster TEXT,
    seconds DOUBLE NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    bytes BIGINT NOT NULL,
    sha256 TEXT NOT NULL,
    content TEXT,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    prompt TEXT NOT NULL,
    seed BIGINT,
    warnings JSON,
    verdict TEXT,
    checks JSON,
    rejected TEXT,
    frame JSON,
    opinion TEXT,
    answer JSON,
    trim_in DOUBLE,
    trim_out DOUBLE,
    was_chosen BOOLEAN DEFAULT '0' NOT NULL,
    rev BIGINT NOT NULL,
    created_at DOUBLE NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (task_id)
);
CREATE INDEX takes_content ON takes (content);
CREATE INDEX takes_of_shot ON takes (shot_id, number);
CREATE INDEX takes_sha256 ON takes (sha256);
CREATE TABLE takes_hourly (
    hour INTEGER NOT NULL,
    project_id INTEGER NOT NULL,
    provider TEXT NOT NULL,
    n INTEGER NOT NULL,
    PRIMARY KEY (hour, project_id, provider)
)
 WITHOUT ROWID;
CREATE TABLE task_counts (
    project_id INTEGER NOT NULL,
    provider TEXT NOT NULL,
    output TEXT NOT NULL,
    status TEXT NOT NULL,
    n INTEGER NOT NULL,
    PRIMARY KEY (project_id, provider, output, status)
);
CREATE TABLE task_ends_daily (
    day INTEGER NOT NULL,
    project_id INTEGER NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    status TEXT NOT NULL,
    kind TEXT NOT NULL,
    n INTEGER NOT NULL,
    PRIMARY KEY (day, project_id, provider, model, status, kind)
)
 WITHOUT ROWID;
CREATE TABLE tasks (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    project_id INTEGER NOT NULL,
    shot_id INTEGER NOT NULL,
    shot_position BIGINT NOT NULL,
    output TEXT DEFAULT 'video' NOT NULL,
    take INTEGER NOT NULL,
    batch INTEGER NOT NULL,
    status TEXT NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    text_id INTEGER NOT NULL,
    priority INTEGER DEFAULT '0' NOT NULL,
    turn BIGINT NOT NULL,
    progress INTEGER,
    stage TEXT,
    cancel_requested BOOLEAN DEFAULT '0' NOT NULL,
    due_at DOUBLE,
    attempts INTEGER DEFAULT '0' NOT NULL,
    attempt_id INTEGER,
    remote_id TEXT,
    result_url TEXT,
    failure_kind TEXT,
    file TEXT,
    cost BIGINT,
    cost_currency TEXT,
    charge TEXT NOT NULL,
    rev BIGINT NOT NULL,
    created_at DOUBLE NOT NULL,
    started_at DOUBLE,
    submitted_at DOUBLE,
    polled_at DOUBLE,
    finished_at DOUBLE,
    duration DOUBLE,
    deleted_at DOUBLE,
    failure JSON,
    params JSON,
    queued_at DOUBLE,
    verdict TEXT,
    draw INTEGER,
    quote_id INTEGER,
    waits_for INTEGER
);
CREATE INDEX tasks_active ON tasks (status) WHERE status IN ('processing', 'downloading');
CREATE INDEX tasks_batch ON tasks (batch);
CREATE INDEX tasks_by_attempts ON tasks (project_id, provider, output, status, attempts, id) WHERE deleted_at IS NULL;
CREATE INDEX tasks_by_cost ON tasks (project_id, provider, output, status, cost, id) WHERE deleted_at IS NULL;
CREATE INDEX tasks_by_duration ON tasks (project_id, provider, output, status, duration, id) WHERE deleted_at IS NULL AND duration IS NOT NULL;
CREATE INDEX tasks_by_finished ON tasks (project_id, provider, output, status, finished_at, id) WHERE deleted_at IS NULL AND finished_at IS NOT NULL;
CREATE INDEX tasks_by_id ON tasks (project_id, provider, output, status, id) WHERE deleted_at IS NULL;
CREATE INDEX tasks_by_shot ON tasks (project_id, provider, output, status, shot_position, take, id) WHERE deleted_at IS NULL;
CREATE INDEX tasks_cancel_requested ON tasks (id) WHERE cancel_requested;
CREATE INDEX tasks_changed ON tasks (project_id, rev);
CREATE INDEX tasks_claim ON tasks (provider, priority DESC, turn, id, due_at) WHERE status = 'queued' AND NOT cancel_requested AND waits_for IS NULL AND deleted_at IS NULL;
CREATE INDEX tasks_claim_in_project ON tasks (provider, project_id, priority DESC, turn, id, due_at) WHERE status = 'queued' AND NOT cancel_requested AND waits_for IS NULL AND deleted_at IS NULL;
CREATE INDEX tasks_due ON tasks (provider, due_at) WHERE status = 'queued' AND due_at IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX tasks_of_kind ON tasks (failure_kind, project_id, status, provider) WHERE deleted_at IS NULL AND failure_kind IS NOT NULL;
CREATE INDEX tasks_of_shot ON tasks (shot_id, take);
CREATE INDEX tasks_of_text ON tasks (text_id, project_id, status, provider) WHERE deleted_at IS NULL;
CREATE INDEX tasks_turn ON tasks (provider, turn) WHERE status = 'queued' AND waits_for IS NULL AND deleted_at IS NULL;
CREATE INDEX tasks_waiting ON tasks (waits_for) WHERE waits_for IS NOT NULL AND status IN ('pending', 'queued') AND deleted_at IS NULL;
CREATE TABLE texts (
    id INTEGER NOT NULL,
    digest BLOB NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (digest)
);
CREATE TABLE uploads (
    provider TEXT NOT NULL,
    key_id TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    url TEXT NOT NULL,
    expires_at DOUBLE NOT NULL,
    PRIMARY KEY (provider, key_id, sha256)
);
INSERT INTO revision (id, n) VALUES (1, 0);
CREATE INDEX tasks_of_draw ON tasks (draw, shot_id) WHERE draw IS NOT NULL;
CREATE INDEX tasks_by_verdict ON tasks (project_id, provider, output, status, verdict, id) WHERE deleted_at IS NULL;
CREATE INDEX tasks_of_verdict ON tasks (verdict, provider, model, project_id, status) WHERE deleted_at IS NULL AND verdict IS NOT NULL;
CREATE INDEX takes_of_opinion ON takes (project_id, id) WHERE opinion IS NOT NULL;
CREATE INDEX takes_unchecked ON takes (id) WHERE verdict IS NULL;
CREATE TABLE draws (
    draw INTEGER NOT NULL,
    shot_id INTEGER NOT NULL,
    project_id INTEGER NOT NULL,
    state TEXT NOT NULL,
    reason TEXT DEFAULT '' NOT NULL,
    most INTEGER NOT NULL,
    at_once INTEGER NOT NULL,
    again_on TEXT NOT NULL,
    ceiling BIGINT NOT NULL,
    currency TEXT NOT NULL,
    options JSON,
    created_at DOUBLE NOT NULL,
    PRIMARY KEY (draw, shot_id)
);
CREATE INDEX draws_of_shot ON draws (shot_id, draw);
CREATE INDEX draws_open ON draws (draw, shot_id) WHERE state = 'drawing';
CREATE INDEX tasks_quoted ON tasks (quote_id) WHERE quote_id IS NOT NULL AND status IN ('pending', 'queued') AND deleted_at IS NULL;
CREATE INDEX tasks_of_quote ON tasks (quote_id, id) WHERE quote_id IS NOT NULL;
CREATE INDEX attempts_of_agent ON attempts (agent, created_at, charge, provider, cost_currency, cost) WHERE agent IS NOT NULL;
CREATE TABLE agents (
    name TEXT NOT NULL,
    digest TEXT NOT NULL,
    role TEXT NOT NULL,
    per_day BIGINT NOT NULL,
    in_all BIGINT NOT NULL,
    currency TEXT NOT NULL,
    projects JSON,
    created_at DOUBLE NOT NULL,
    revoked_at DOUBLE,
    PRIMARY KEY (name),
    UNIQUE (digest)
);
CREATE TABLE quotes (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    agent TEXT,
    project_id INTEGER NOT NULL,
    state TEXT NOT NULL,
    kind TEXT NOT NULL,
    tasks INTEGER NOT NULL,
    price BIGINT,
    price_currency TEXT,
    worst BIGINT,
    worst_currency TEXT,
    digest TEXT NOT NULL,
    reason TEXT DEFAULT '' NOT NULL,
    approved BOOLEAN DEFAULT '0' NOT NULL,
    created_at DOUBLE NOT NULL,
    expires_at DOUBLE NOT NULL,
    shot_ids JSON,
    options JSON,
    again BOOLEAN NOT NULL,
    notified_at DOUBLE
);
CREATE INDEX quotes_of_agent ON quotes (agent, id);
CREATE INDEX quotes_unused ON quotes (expires_at) WHERE state = 'quoted';
CREATE INDEX quotes_waiting ON quotes (id) WHERE state = 'waiting';
CREATE TABLE review_links (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    project_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    nonce TEXT NOT NULL,
    password TEXT,
    created_at DOUBLE NOT NULL,
    expires_at DOUBLE NOT NULL,
    revoked_at DOUBLE
);
CREATE TABLE review_votes (
    take_id INTEGER NOT NULL,
    link_id INTEGER NOT NULL,
    reviewer TEXT NOT NULL,
    shot_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    vote INTEGER DEFAULT '0' NOT NULL,
    favourite BOOLEAN DEFAULT '0' NOT NULL,
    created_at DOUBLE NOT NULL,
    PRIMARY KEY (take_id, link_id, reviewer)
);
CREATE TABLE review_comments (
    id INTEGER NOT NULL,
    take_id INTEGER NOT NULL,
    link_id INTEGER NOT NULL,
    reviewer TEXT NOT NULL,
    name TEXT NOT NULL,
    at DOUBLE NOT NULL,
    text TEXT NOT NULL,
    created_at DOUBLE NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX review_links_of_project ON review_links (project_id, id);
CREATE INDEX review_comments_of_take ON review_comments (take_id, at);
