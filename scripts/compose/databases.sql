-- Runs once, when PostgreSQL's volume is new: a database for each service.
CREATE DATABASE qm_order;
CREATE DATABASE qm_inventory;
CREATE DATABASE qm_routing;
CREATE DATABASE qm_shipping;
CREATE DATABASE qm_notification;
CREATE DATABASE qm_gateway;
