-define(NS_TAP, <<"urn:tocsin:tap:1">>).
-define(MODULE_VERSION, <<"mod_tocsin 1">>).
-define(MAX_ID, 1024). % bytes

%% What the component opts out of or asks for, by features in its disco#info.
-define(NO_TEXT, 1).
-define(NO_REACTIONS, 2).
-define(NO_PRESENCE, 4).
-define(IDS, 8).
-define(MDS, 16).

%% What the hooks know about the host's process: the persistent term {mod_tocsin, Host}.
-record(tap, {pid :: pid(), counters :: atomics:atomics_ref(), users :: atom(), component :: binary(), rooms :: [binary()]}).

%% Its counters.
-define(INBOX, 1). % bytes of events in the process's mailbox
-define(REFUSED, 2). % events discarded because the mailbox was full
-define(WANTS, 3). % the bits above
