import Testing

@testable import NodeAgent

@Suite("A command's table")
struct TextTableTests {
    @Test("has aligned columns, and spaces only in the cells of the last one")
    func columns() {
        var table = TextTable("name state reason")
        #expect(table.text == "# name state reason\n")
        table.add(["a", "up", ""])
        table.add(["longer name", "down", "it is not\u{1b} there"])
        #expect(table.text == "# name      state reason\na           up    -\nlonger_name down  it is not<1B> there\n")
        #expect(table.rowsCount == 2 && table.line(at: 0) == "a           up    -\n")
    }
}
