# A Modbus server that is not ours, for test/modbus/. Arguments: nothing (MBAP on TCP), `rtu` (RTU frames on TCP), or
# `serial PATH`. Reads {"unit": {"address": word}} from its standard input, prints its port (0: serial) when it serves, and
# ends with its input's end.
import asyncio
import json
import sys

from pymodbus.datastore import ModbusServerContext, ModbusSlaveContext, ModbusSparseDataBlock
from pymodbus.device import ModbusDeviceIdentification
from pymodbus.server.async_io import ModbusSerialServer, ModbusTcpServer
from pymodbus.transaction import ModbusRtuFramer, ModbusSocketFramer


async def main():
    images = json.loads(sys.stdin.readline())
    slaves = {
        int(unit): ModbusSlaveContext(
            hr=ModbusSparseDataBlock({int(address): word for address, word in image.items()}), zero_mode=True
        )
        for unit, image in images.items()
    }
    context = ModbusServerContext(slaves=slaves, single=False)
    identity = ModbusDeviceIdentification(
        info_name={"VendorName": "Foreign", "ProductCode": "F1", "MajorMinorRevision": "2.3", "ModelName": "Model F"}
    )
    mode = sys.argv[1] if len(sys.argv) > 1 else "mbap"
    if mode == "serial":
        server = ModbusSerialServer(
            context,
            framer=ModbusRtuFramer,
            identity=identity,
            port=sys.argv[2],
            baudrate=19200,
            timeout=0.01,
            ignore_missing_slaves=True,
        )
        await server.start()
        task = asyncio.ensure_future(server.serve_forever())
        print(0, flush=True)
    else:
        framer = ModbusRtuFramer if mode == "rtu" else ModbusSocketFramer
        server = ModbusTcpServer(
            context,
            framer=framer,
            identity=identity,
            address=("127.0.0.1", 0),
            ignore_missing_slaves=mode == "rtu",
        )
        task = asyncio.ensure_future(server.serve_forever())
        await server.serving
        print(server.server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    task.cancel()


asyncio.run(main())
