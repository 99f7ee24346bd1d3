import Foundation

/// A phrase that comments, strings and documents do not use.
struct Phrase: Sendable {
    /// A case-insensitive regular expression for whole words. A space matches any white space.
    let pattern: String
    /// The reason, or a plain wording.
    let advice: String

    private init(_ pattern: String, _ advice: String) { (self.pattern, self.advice) = (pattern, advice) }

    /// All banned phrases. A phrase belongs here only if it is wrong in every sentence of this repository: a test has no exceptions.
    static let banned: [Phrase] = indefinite + stiff + vague + places + times

    /// Subjects that leave the reader to guess who acts.
    private static let indefinite = [
        Phrase("nobody", "name the part that does not act: 'the caller does not close it', 'no node answers'"),
        Phrase("(some|every|any)body", "name the part that acts"),
        Phrase("no one", "name the part that does not act"),
        Phrase("who(so)?ever", "name the part: 'the caller', 'a client that'"),
        Phrase(#"(?<!\bthe\s{1,99})ones? that"#, "repeat the noun: 'a worker that'"),
        Phrase("the ones? of", "repeat the noun: 'the key of'"),
        Phrase("the ones? before", "name it: 'the previous worker'"),
        Phrase("nothing of", "'no part of', or name the part that stays unchanged"),
        Phrase("none of", "'no server', or say it positively: 'sees only the node's address'"),
        Phrase("such an?", "repeat the noun, or say which: 'a datagram of an unknown version'"),
    ]

    /// Verbs for programs that do not speak or walk, and phrases that no engineer uses.
    private static let stiff = [
        Phrase("told", "'receives', 'gets', 'is notified'; 'reported', 'logged'"),
        Phrase("tells", "'reports', 'shows', 'states', 'sends'"),
        Phrase("(says?|said) so", "state what is shown, and where: 'a log line reports it'"),
        Phrase("has it that", "'states', 'contains'"),
        Phrase("(hears?|heard|knows?|knew) of", "'receives', 'has', 'stores'"),
        Phrase("(comes?|came|coming) round", "'repeats', 'is stalled' for the opposite"),
        Phrase("(comes?|came) to (serve|run|pass|an end)", "'serves', 'starts', 'ends'"),
        Phrase("(has|have) come(?! (up|back|down))", "'has arrived', 'is due'"),
        Phrase("(goes|go|going|went|gone) on", "'continues', 'keeps'"),
        Phrase("(goes|went|going) away", "'leaves', 'closes', 'disappears'"),
        Phrase("(is|are|was|were) going(?! DOWN)", "'drains', 'leaves', 'stops'"),
        Phrase("let(s|ting)? go", "'releases', 'closes'"),
        Phrase("looks? at", "'reads', 'checks', 'polls'"),
        Phrase("(an?|the|one|first|each|failed) looks?(?! up)", "'a poll', 'a check', 'findings'"),
        Phrase(#"convict\w*"#, "'declares dead'"),
        Phrase("mend(s|ed)?", "'fixes', 'repairs'"),
        Phrase("(bury|buries|buried)", "'removes', 'forgets'"),
        Phrase("(shall|ought to)", "'must', 'does', or an imperative"),
    ]

    /// Fillers. The sentence usually needs another word order.
    private static let vague = [
        Phrase("what is left of", "'the rest of', 'the remaining'"),
        Phrase("all the same", "'still', 'anyway'; or 'equal' when that is meant"),
        Phrase("as it happens", "name the cause: 'the kernel splits connections'"),
        Phrase("so many", "give the number, or 'this many'"),
        Phrase("in vain", "state the result: 'without an answer'"),
        Phrase(#"of (its|their) own(?! (?!(and|that|so|which|with)\b)\w)"#, "'its own X', 'a separate X'"),
        Phrase("the least (number|time|value)", "'the minimum number'"),
        Phrase("for want of", "'without', 'because ... is missing'"),
        Phrase("(thereupon|whereupon|wherein|therein|lest)", "'then' in a new sentence, 'in it', 'so that it does not ...'"),
        Phrase(#", too(?! \w)"#, "'also' before the verb"),
    ]

    private static let places = [
        Phrase(#"(stands?|stood)(?! for\b)"#, "'is', 'is in line 3', 'is written'"),
        Phrase("not there", "'missing', 'does not exist'"),
        Phrase("(is|are|was|were|be) there", "'exists', 'is installed', 'is present'"),
        Phrase("in the place of", "'instead of'"),
        Phrase("(lies|lay) (in|at|on)", "'is in', 'is at'"),
    ]

    private static let times = [
        Phrase("(anew|afresh)", "'again', 'restarted'"),
        Phrase("(a second time|once more)", "'again', 'twice', 'duplicate'"),
        Phrase("for good", "'permanently', 'until the process ends'"),
        Phrase("as ever", "'as before', or leave it out"),
        Phrase("for ever", "'forever', or give the limit"),
        Phrase("from (then|now) on", "give the event: 'after the reload'"),
        Phrase(#"(is|are|was|were) no more\b|no more(?! \w)"#, "'no longer', 'no further bytes'"),
        Phrase("any more(?! than)", "'no longer'"),
        Phrase("(at last|later on|as yet|till)", "'finally', 'later', 'yet', 'until'; or leave it out"),
    ]
}
