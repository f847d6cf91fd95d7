/** The bounds of a soak, each with its reason. */

/** What is not itself again after this long counts as never recovered: ten times what a loaded machine was seen to need. */
export const RECOVERY_MS_MAX = 240_000;
/** Mail that was acknowledged must be everywhere this long after the last fault: as above. */
export const QUIET_MS_MAX = 300_000;
/** Mail that is on its way for longer is named in the live line. */
export const LATE_MS = 20_000;
/** Between two looks of a probe: short beside what is measured. */
export const PROBE_PAUSE_MS = 250;
/** One try of a probe: a process that is paused takes connections and answers nothing. */
export const PROBE_TRY_MS = 10_000;
/** After a recovery before the next fault, so that one does not hide the other. */
export const BETWEEN_FAULTS_MS = 3_000;
/** How long somebody is away, cut off or stopped. */
export const HOLD_MS = Object.freeze({ kill: 3_000, cut: 20_000, pauseLeast: 5_000, pauseMost: 30_000 });
/** Sends that one device has under way: a fault that holds one does not stop its mail. */
export const SENDS_AT_ONCE = 4;
/** Conversations that a device goes on with: the newest. */
export const CONVERSATIONS_KEPT = 12;
/** Letters among which marks are made: the newest. */
export const MARKED_AMONG = 200;
export const SMALL_ATTACHMENT_BYTES = 20_000;
/** More than a mail holds, so that it goes beside it in chunks. */
export const LARGE_ATTACHMENT_BYTES = 2_500_000;
/** One in so many mails has one: 60 in an hour. */
export const LARGE_EVERY = 150;
/** A mark at one of a person's devices, and something at the IMAP server, this often. */
export const MARK_EVERY_MS = 4_000;
export const IMAP_EVERY_MS = 6_000;
/** Resident memory is looked at this often. */
export const MEMORY_EVERY_MS = 10_000;
/** No process of this world may ever have more: several times what any is seen to have. */
export const RESIDENT_BYTES_MAX = 1_000_000_000;
/** A process that lived for less says nothing of a leak: it is still warming up. */
export const SLOPE_LEAST_MS = 300_000;
/** The time after a start that the slope leaves out. */
export const WARM_UP_MS = 90_000;
/** Without a terminal the live line is written this often. */
export const LINE_EVERY_MS = 30_000;
/** Of what is listed in a report: the first ones say it. */
export const LISTED_MAX = 20;
