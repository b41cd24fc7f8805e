-define(NS_TAP, <<"urn:tocsin:tap:1">>).
-define(MODULE_VERSION, <<"mod_tocsin 1">>).
-define(ID, 1024). % bytes of an id at most

%% What the component does not need, or asks for: features of its disco#info.
-define(NO_TEXT, 1).
-define(NO_REACTIONS, 2).
-define(NO_PRESENCE, 4).
-define(IDS, 8).
-define(MDS, 16).

%% What the hooks know of the process that tells a host's events; a persistent term, by {mod_tocsin, Host}.
-record(tap, {pid :: pid(), counters :: atomics:atomics_ref(), users :: atom(), component :: binary(), rooms :: [binary()]}).

%% Its counters.
-define(INBOX, 1). % bytes on their way to the process
-define(REFUSED, 2). % events that found the inbox full
-define(WANTS, 3).
