import VolaryHubs

@main
enum Program {
    static func main() async {
        let node = HubNode()
        node.add("chat", Chat(rooms: Rooms()))
        await node.main()
    }
}
