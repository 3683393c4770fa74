import zmq

if __name__ == "__main__":
    zmq.Context().socket(zmq.REP).bind("tcp://*:5555")
