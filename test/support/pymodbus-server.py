# A Modbus TCP server that is not ours, for test/modbus/foreign-peers.test.ts. Reads {"unit": {"address": word}} from its
# standard input, prints its port, and ends with its input's end.
import asyncio
import json
import sys

from pymodbus.datastore import ModbusServerContext, ModbusSlaveContext, ModbusSparseDataBlock
from pymodbus.server.async_io import ModbusTcpServer


async def main():
    images = json.loads(sys.stdin.readline())
    slaves = {
        int(unit): ModbusSlaveContext(
            hr=ModbusSparseDataBlock({int(address): word for address, word in image.items()}), zero_mode=True
        )
        for unit, image in images.items()
    }
    server = ModbusTcpServer(ModbusServerContext(slaves=slaves, single=False), address=("127.0.0.1", 0))
    task = asyncio.ensure_future(server.serve_forever())
    await server.serving
    print(server.server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    task.cancel()


asyncio.run(main())
