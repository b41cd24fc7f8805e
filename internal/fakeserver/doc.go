/*
Package fakeserver plays the server's half of the component protocol (XEP-0114) in tests: it takes a component in, sends it
whatever a test wants, keeps what comes back, and can fail in every way that a server can.

# Scenarios

A scenario is a .txtar file: a comment that says what it shows, a section "config" of TOML beside the defaults (or none),
and a section "story", whose lines are commands. It is played in a bubble of testing/synctest, where the time of the
component is that of the story and where it is known when the component has nothing more to do, so that nothing sleeps and
nothing races. It begins at noon of 2026-11-24, UTC, unless a section "begin" says otherwise.

Names are local parts at example.org: "alice" is alice@example.org, "alice/phone" a client of hers; "sms" is the contact,
"tocsin" the component; "second.example" is a second virtual host, everything else is elsewhere. xmlns='T' is our own namespace. A
line that is empty or begins with # is for the reader.

	shape module ejabberd            the taps by which the story can be told (first line); without it module, firewall, ejabberd;
	                                 events: our module as it is now, with what only the server knows

What happens at the server:

	online alice/phone T T#sms       a client logs in, with these features (markers, receipts, or a namespace; with caps it
	                                 tells them by their hash (XEP-0115), with forged by that of another client, with
	                                 hideform it answers with its last three in a form, which has the same hash; with sm its
	                                 session speaks XEP-0198)
	offline alice/phone              it logs out
	session bob/phone closed why=lost
	                                 opened, managed, hibernating, resumed, closed: for events
	vanish alice/phone               it is gone, and no server tells
	mds bob alice s1                 bob's devices tell each other what he has displayed (XEP-0490), for events
	archived alice bob m1 s1         bob's archive has the message under this id, for events
	disco alice/phone T              its features, without a word; "silent": it answers nothing
	tap out alice/phone → bob id=m1 "Hello" request markable
	                                 a local client sends a message; see the payloads in tapped.go; in: it comes from
	                                 elsewhere; offline: the server keeps it; replay: the recipient gets it later, with
	                                 a delay; acked: the recipient's client has it (XEP-0198); bounce: the server's own
	                                 error; archived, handed, unacked, dropped: for events. Each shape makes its own copies of
	                                 it, or none. ro=both ss=2 sm=1 hib=1 is what events tell beside
	recv <message …>                 the server sends this
	say alice/phone "sent 7f3c"      a user writes to the contact; with reply=$m it answers that message
	react alice/phone $m 👍          a user reacts to a message of the contact; without an emoji, takes that back
	ask alice/phone get <sync xmlns='T'/> → ok
	                                 a user's request; its answer is ok, whose payload can be expected next, or a condition
	answer alice/phone $p claim → ok an answer to a prompt, in short; snooze needs for=600
	command bob/desk preferences watch_me=0 → ok
	                                 an ad-hoc command, its form filled in; failed if it was completed with an error note
	number bob +8613800138000        an admin binds a number; "private": without consent
	stored bob quiet=22:00-07:00 zone=Europe/Berlin
	                                 what the database holds of his preferences, from the next start on
	vcard bob +8613800138000         a number in a vCard
	called alice bob "Bob"           what alice calls bob in her roster
	roster bob alice both            an item of bob's roster from now on, which events tell; the component may read rosters
	                                 from the first one on (XEP-0356)

	phone +8613800138000 → +8613700000001 "On my way" id=1
	                                 an SMS from a phone; the same id again is a repetition

	repeat 60 tap …                  so often, with the number in place of #

What time does, and what breaks:

	advance 5m
	deaf                             the server reads nothing more: what is written goes with the stream
	down                             the stream breaks, and cannot be made again; our module keeps its copies
	up                               it can
	crash                            the component is killed
	start                            and started again, on the same database
	restart                          both

What is expected of the component up to now:

	expect <message to='alice@example.org'><status xmlns='T' id='m1' state='…'/></message>
	expect status alice m1 delivered by=receipt
	expect prompt alice/phone m1 timeout-unread as=$p also=m2
	expect withdraw alice/phone $p displayed
	expect chat alice "…sent $code…" id=$m
	expect settled alice $m "…read it…"
	expect <sms to='+8613800138000' from='…'>…</sms>
	                                 an SMS that the component has sent; every one arrives
	! expect …                       nothing like it came, beside what was expected before
	expect nothing                   nothing at all came beside it, but questions and presence

Each expect takes the stanza that fits out of those that came. In a pattern "…" stands for anything, "∅" for nothing, $name for
a value that is caught, and stands for itself later. A pattern names what must be there; <not:number/> in it must not.
*/
package fakeserver
