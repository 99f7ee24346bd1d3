import Glibc
import Support
import Testing

@testable import NodeAgent

@Suite("docs/KEYWORDS.md")
struct KeywordDocumentTests {
    @Test("has a verdict on every keyword of HAProxy, word for word")
    func documentIsCurrent() throws {
        try GeneratedFile(path: KeywordDocument.path).expect(KeywordDocument.lines())
    }

    @Test("lists the keywords of HAProxy's manual", .enabled(if: access(KeywordManual.source, R_OK) == 0, "no manual of haproxy"))
    func listIsCurrent() throws {
        let (status, text) = try ChildProcess.run(["zcat", KeywordManual.source])
        #expect(status == 0)
        // Another version of HAProxy has another list.
        guard text.prefix(400).contains("version 2.6\n") else { return }
        let extracted = KeywordManual.keywords(in: text)
        let listed = try KeywordManual.list().filter { $0.origin == .manual }.map(\.keyword)
        #expect(Set(extracted).subtracting(listed).sorted() == [], "add these to \(KeywordManual.fixture)")
        #expect(Set(listed).subtracting(extracted).sorted() == [], "the manual does not have these")
        #expect(extracted.count > 550)
    }

    @Test("takes the keywords from lists, the matrix and headings of the manual")
    func extracts() {
        let text = """
            3. Global parameters
            --------------------

             * Debugging
               - quiet
               - tune.x (deprecated)

            3.5. Peers
            ----------

            propagate entries of
            tables.

            peers <peersect>
              Creates a list.

            default-bind [param*]
              Defines the binding parameters.
            no option x
            inter <delay>
            fastinter <delay>
              Two at once.

            4.1. Proxy keywords matrix
            --------------------------
             keyword                              defaults   frontend   listen    backend
            ------------------------------------+----------+----------+---------+---------
            acl                                       X (!)      X         X         X
            log                                  (*)  X          X         X         X
            transparent                 (deprecated)  X          -         X         X
            -- keyword -------------------------- defaults - frontend - listen -- backend -

            5.1. Bind options
            -----------------

            expose-fd listeners
              This option is only usable with the stats socket.

            6. Cache
            --------

            other <x>
              Not a keyword.
            """
        let found = KeywordManual.keywords(in: text).map { "\($0.place) \($0.name)" }
        #expect(
            found == [
                "bind expose-fd", "global quiet", "global tune.x", "listen acl", "listen log", "listen transparent", "peers default-bind", "section peers",
            ])
    }

    @Test("has the verdicts of the tables and of the reader")
    func verdicts() {
        func verdict(_ place: String, _ name: String) -> KeywordDocument.Verdict? { KeywordDocument.verdict(on: .init(place: place, name: name)) }
        #expect(verdict("global", "daemon") == .same && verdict("section", "listen") == .same)
        #expect(verdict("server", "resolve-prefer") == .different("Without the option `ipv4`."))
        #expect(verdict("listen", "option splice-auto") == .noEffect("long streams are always spliced, and short exchanges never."))
        #expect(verdict("bind", "ssl") == .refused(ConfigurationProblem.encryption("ssl").advice))
        #expect(verdict("peers", "peer") == .refused("with its section"))
        if case .refused(let why) = verdict("listen", "acl") { #expect(why.contains("keep HAProxy for")) } else { Issue.record("acl") }
        if case .different(let how) = verdict("resolvers", "hold") { #expect(how.contains("30s")) } else { Issue.record("hold") }
        if case .noEffect = verdict("global", "tune.ssl.cachesize") {} else { Issue.record("tune.ssl.cachesize") }
        #expect(verdict("listen", "no-such-keyword") == nil)
    }
}
