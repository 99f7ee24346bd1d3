/// The contents of /etc/passwd and /etc/group.
struct AccountFiles: Equatable, Sendable {
    /// A user.
    struct User: Equatable, Sendable {
        /// The name to log in with.
        let name: String
        /// The user's number.
        let identifier: UInt32
        /// The number of the user's own group.
        let group: UInt32
    }

    /// What setgroups(2) takes: NGROUPS_MAX.
    static let supplementaryGroupsMax = 65536

    private struct Group: Equatable, Sendable {
        let name: String
        let identifier: UInt32
        let members: [Substring]
    }

    private var users: [User] = []
    private var groups: [Group] = []

    /// Reads `passwd` (`name:password:uid:gid:...`) and `group` (`name:password:gid:member,member`). Other lines are ignored.
    init(passwd: String, group: String) {
        for line in passwd.split(whereSeparator: \.isNewline) {
            let fields = line.split(separator: ":", omittingEmptySubsequences: false)
            guard fields.count >= 4, !fields[0].isEmpty, let identifier = AccountFiles.number(fields[2]), let group = AccountFiles.number(fields[3])
            else { continue }
            users.append(User(name: String(fields[0]), identifier: identifier, group: group))
        }
        for line in group.split(whereSeparator: \.isNewline) {
            let fields = line.split(separator: ":", omittingEmptySubsequences: false)
            guard fields.count >= 3, !fields[0].isEmpty, let identifier = AccountFiles.number(fields[2]) else { continue }
            let members = fields.count > 3 ? fields[3].split(separator: ",") : []
            groups.append(Group(name: String(fields[0]), identifier: identifier, members: members))
        }
    }

    /// The user called `name`: the first one, as the system has it.
    func user(_ name: String) -> User? { users.first { $0.name == name } }

    /// The number of the group called `name`.
    func groupIdentifier(_ name: String) -> UInt32? { groups.first { $0.name == name }?.identifier }

    /// The groups that `user` is in: the user's own one first, then those of the group file in its order, without repetitions.
    func groups(of user: User) -> [UInt32] {
        var found = [user.group]
        for group in groups where group.members.contains(Substring(user.name)) && !found.contains(group.identifier) {
            guard found.count < AccountFiles.supplementaryGroupsMax else { break }
            found.append(group.identifier)
        }
        return found
    }

    /// The largest 32-bit number means "no change" to setuid(2) and is none's.
    private static func number(_ text: Substring) -> UInt32? {
        guard text.first?.isNumber == true, let number = UInt32(text), number != .max else { return nil }
        return number
    }
}
