import VolaryHubs

@main
enum Program {
    static func main() async {
        let node = HubNode()
        node.add("dashboard", Dashboard(board: Board()))
        await node.main()
    }
}
