import Proxy
import Testing

@testable import NodeAgent

@Suite("'userlist'")
struct ConfigurationUserlistTests {
    private static func read(_ lines: String) -> (lists: [UserlistDraft], diagnostics: [Diagnostic]) {
        let files = [(name: "t.cfg", bytes: Array("userlist u\n \(lines)\n".utf8))]
        let reader = ConfigurationReader(environment: [:])
        return (reader.draft(of: files).all(UserlistSection.self).map(\.draft), reader.read(files: files).diagnostics)
    }

    @Test("has users, groups and the names of both kinds of lines, and keeps no password")
    func reads() throws {
        let text = """
            group admins users alice,bob
             group guests
             user alice password $5$salt$hash groups guests
             user bob insecure-password "two words"
             user carol
            """
        let (lists, diagnostics) = Self.read(text)
        #expect(diagnostics.isEmpty, "\(diagnostics)")
        let list = try #require(lists.first)
        #expect(list.name == "u" && list.groups == ["admins", "guests"])
        #expect(list.users == ["alice", "bob", "carol"])
        #expect(list.members.map(\.names) == [["alice", "bob"], ["guests"]] && list.members.map(\.keyword) == ["users", "groups"])
        #expect(!"\(list)".contains("$5$salt$hash") && !"\(list)".contains("two words"))
    }

    @Test("refuses users and groups that it does not have", arguments: ["user a groups g", "group g users a", "group g users a,\n user b"])
    func unknown(lines: String) { #expect(Configuration.alerts(Self.read(lines).diagnostics).count == 1) }

    @Test("ignores a second user, group or section of a name with a warning, as HAProxy does")
    func duplicates() {
        let (lists, diagnostics) = Self.read("user a insecure-password one\n user a insecure-password two\n group g\n group g\nuserlist u\n user b")
        #expect(diagnostics.map(\.severity) == [.warning, .warning, .warning] && diagnostics.map(\.location.line) == [3, 5, 6], "\(diagnostics)")
        #expect(lists.count == 1 && lists.first?.users == ["a"])
    }

    @Test("shows no password in a message", arguments: ["user a secret", "user a passwd secret", "user a password x secret", "password=secret"])
    func hidesPasswords(line: String) {
        let diagnostics = Self.read(line).diagnostics
        #expect(!Configuration.alerts(diagnostics).isEmpty)
        for diagnostic in diagnostics {
            #expect(!diagnostic.description.contains("secret") && !diagnostic.detailsText.contains("secret"), "\(diagnostic) \(diagnostic.detailsText)")
        }
    }

    @Test("needs a name, and has limits")
    func limits() {
        for text in ["userlist\n", "userlist a!\n", "userlist a b\n"] {
            #expect(Configuration.alerts(Configuration.read(text).diagnostics).count == 1, "\(text)")
        }
        let users = (0...UserlistSection.usersMax).map { " user u\($0)\n" }.joined()
        let problems = Configuration.read("userlist u\n" + users).diagnostics.map(\.problem)
        #expect(problems == [.tooMany(what: "users", limit: UserlistSection.usersMax)])
    }
}
