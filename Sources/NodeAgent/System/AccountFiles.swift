/// The numbers that /etc/passwd and /etc/group give to names.
struct AccountFiles: Equatable, Sendable {
    /// This machine's files; one that cannot be read counts as empty.
    static func ofMachine() -> AccountFiles {
        AccountFiles(passwd: (try? SystemFile.text("/etc/passwd")) ?? "", group: (try? SystemFile.text("/etc/group")) ?? "")
    }

    private let users: [String: UInt32]
    private let groups: [String: UInt32]

    /// Reads `passwd` (`name:password:uid:gid:...`) and `group` (`name:password:gid:...`). Other lines are ignored.
    init(passwd: String, group: String) {
        users = AccountFiles.identifiers(passwd, fieldsMin: 4)
        groups = AccountFiles.identifiers(group, fieldsMin: 3)
    }

    /// The number of the user called `name`: the first one, as the system has it.
    func userIdentifier(_ name: String) -> UInt32? { users[name] }

    /// The number of the group called `name`: the first one.
    func groupIdentifier(_ name: String) -> UInt32? { groups[name] }

    /// The third field of each line by its first.
    private static func identifiers(_ text: String, fieldsMin: Int) -> [String: UInt32] {
        var identifiers: [String: UInt32] = [:]
        for line in text.split(whereSeparator: \.isNewline) {
            let fields = line.split(separator: ":", omittingEmptySubsequences: false)
            guard fields.count >= fieldsMin, !fields[0].isEmpty, let identifier = number(fields[2]) else { continue }
            let name = String(fields[0])
            if identifiers[name] == nil { identifiers[name] = identifier }
        }
        return identifiers
    }

    /// The largest 32-bit number means "no change" to setuid(2) and is none's.
    private static func number(_ text: Substring) -> UInt32? {
        guard text.first?.isNumber == true, let number = UInt32(text), number != .max else { return nil }
        return number
    }
}

extension AccountFiles {
    /// The number of a user, by name or as a number itself. `context` begins the message when there is none.
    func userIdentifier(_ text: String, for context: String) throws(StartError) -> UInt32 {
        if let number = UInt32(text) ?? userIdentifier(text) { return number }
        throw StartError("\(context): no user '\(text)' in /etc/passwd; create it ('useradd -r \(text)') or write another one")
    }

    /// The number of a group, by name or as a number itself. `context` begins the message when there is none.
    func groupIdentifier(_ text: String, for context: String) throws(StartError) -> UInt32 {
        if let number = UInt32(text) ?? groupIdentifier(text) { return number }
        throw StartError("\(context): no group '\(text)' in /etc/group; create it ('groupadd -r \(text)') or write another one")
    }
}
