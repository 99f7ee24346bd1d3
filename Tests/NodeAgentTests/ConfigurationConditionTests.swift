import Testing

@testable import NodeAgent

@Suite("A conditional block")
struct ConfigurationConditionTests {
    static let environment = ["NODE": "tsukada01", "EMPTY": ""]

    static let conditions: [(text: String, isTrue: Bool?)] = [
        ("", false), ("0", false), ("1", true), ("42", true), ("!1", false), ("! 0", true), ("!!1", true),
        ("defined(NODE)", true), ("defined(EMPTY)", true), ("defined(NONE)", false), ("feature(SPLICE)", true), ("feature(OPENSSL)", false),
        ("streq(a,a)", true), ("streq(a, b)", false), ("streq(,)", true), ("strneq(a,b)", true), ("strstr(abc,bc)", true), ("strstr(abc,x)", false),
        ("version_atleast(3.5)", true), ("version_atleast(2)", true), ("version_atleast(2.4.9)", true), ("version_atleast(3.5-dev4)", true),
        ("version_atleast(3.6)", false), ("version_before(3.5)", false), ("version_before(3.5.1)", true), ("version_before(10)", true),
        ("1 && 0", false), ("1 || 0", true), ("0 && 0 || 1", true), ("1 || 1 && 0", true), ("(1 || 1) && 0", false), ("!(1 && 0)", true),
        ("defined(NODE)&&!feature(OPENSSL)", true),
        ("defined", nil), ("defined()x", nil), ("defined(A", nil), ("streq(a)", nil), ("foo(1)", nil), ("1 1", nil), ("1 &&", nil), ("(1", nil), ("x", nil),
        ("version_atleast()", nil), ("version_atleast(a.b)", nil), ("version_atleast(1.2.3.4)", nil), ("1)", nil),
        (String(repeating: "!", count: 100) + "1", nil), (String(repeating: "(", count: 1_000), nil),
    ]

    @Test("supports HAProxy's variables, and the files' names")
    func knowsVariables() {
        let text = ".notice \"$HAPROXY_BRANCH $HAPROXY_LOCALPEER $HAPROXY_CFGFILES\"\nlisten \"$HAPROXY_LOCALPEER\"\n"
        let reader = ConfigurationReader(environment: ["HAPROXY_BRANCH": "1"], localPeer: "tsukada01")
        let (configuration, diagnostics) = reader.read(files: [("a.cfg", Array(text.utf8)), ("b.cfg", [])])
        #expect(diagnostics.first?.problem == .message("3.5 tsukada01 a.cfg;b.cfg"))
        #expect(configuration.frontends.map(\.name) == ["tsukada01"])
    }

    @Test("is read when its condition is true", arguments: conditions)
    func decides(text: String, isTrue: Bool?) {
        #expect((try? ConfigurationCondition.evaluate(text, environment: Self.environment)) == isTrue)
    }

    @Test("takes only the first branch that is true", arguments: [("a", 1), ("b", 2), ("c", 3), ("d", 4)])
    func takesOneBranch(value: String, expected: Int) {
        let text = """
            global
            .if streq("$V",a)
             maxconn 1
            .elif streq("$V",b)
             maxconn 2
            .elif streq("$V", c)
             maxconn 3
            .else
             maxconn 4
            .endif

            """
        let (configuration, diagnostics) = Configuration.read(text, environment: ["V": value])
        #expect(diagnostics.isEmpty)
        #expect(configuration.global.connectionsMax == expected)
    }

    @Test("that is skipped may contain anything, including other blocks")
    func skipsAnything() {
        let text = """
            global
            .if 0
              nonsense "unclosed \\xzz
              .if nonsense(
              .elif nonsense(
              .else
              .endif
              .alert no
            .elif 1
             maxconn 1
             .if 0
              maxconn 2
             .else
              daemon
             .endif
            .elif nonsense(
             maxconn 3
            .endif

            """
        let (configuration, diagnostics) = Configuration.read(text)
        #expect(diagnostics.isEmpty, "\(diagnostics)")
        #expect(configuration.global.connectionsMax == 1)
        #expect(configuration.global.isDaemon)
    }

    @Test("nests 64 deep and no deeper", arguments: [64, 65])
    func limitsDepth(depth: Int) {
        let text = String(repeating: ".if 1\n", count: depth) + "global\n" + String(repeating: ".endif\n", count: depth)
        let (_, diagnostics) = Configuration.read(text)
        #expect(diagnostics.isEmpty == (depth == 64))
    }

    static let faults: [(text: String, line: Int)] = [
        (".endif\n", 1), (".else\n", 1), (".elif 1\n", 1), ("global\n.if 1\n.else\n.else\n.endif\n", 4), ("global\n.if 1\n.else\n.elif 1\n.endif\n", 4),
        ("global\n.if 1\n", 2), (".if 1\n.endif x\n", 2), (".iff 1\n", 1), (".if 1\n.else 1\n.endif\n", 2),
    ]

    @Test("must be well formed", arguments: faults)
    func refusesFault(text: String, line: Int) {
        #expect(Configuration.read(text).diagnostics.first?.location.line == line)
    }

    @Test("may contain messages of the configuration's author")
    func printsMessages() {
        let (_, diagnostics) = Configuration.read(".notice \"node $NODE\"\n.warning w x\n.alert stop\n.diag quiet\n", environment: Self.environment)
        #expect(diagnostics.map(\.severity) == [.notice, .warning, .alert])
        #expect(diagnostics.map(\.description) == ["t.cfg:1: node tsukada01", "t.cfg:2: w x", "t.cfg:3: stop"])
    }
}
