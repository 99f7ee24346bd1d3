import Glibc
import LinuxIO
import Testing

@Suite("A system error")
struct SystemErrorTests {
    @Test("has the name of its code; an unknown code has its number")
    func names() {
        let names = [EAFNOSUPPORT: "EAFNOSUPPORT", EADDRNOTAVAIL: "EADDRNOTAVAIL", ECONNREFUSED: "ECONNREFUSED", 999: "errno 999"]
        for (code, name) in names { #expect(SystemError("connect", code: code).name == name) }
    }
}
